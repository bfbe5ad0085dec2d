import { ByteCursor } from '../byte-cursor.ts';
import { BufferSource, type ByteSource } from '../byte-source.ts';
import { corrupt, overLimit, printable, unsupported } from '../errors.ts';
import { partScriptModules } from '../objects/script-modules.ts';
import type { TorchEnvironment } from '../pickle/persistent.ts';
import { unpickle } from '../pickle/unpickler.ts';
import type { Description } from '../storage/description.ts';
import type { Extent, StorageLayout } from '../storage/storage-table.ts';
import type { PyStorage } from '../values.ts';
import { type ZipEntry, ZipReader } from '../zip/reader.ts';

// The pickle holds names and shapes only; it is read into memory as a whole.
const LARGEST_PICKLE = 1 << 29;

/** Reads PyTorch's zip format (1.6 and later): `<name>/data.pkl` and one stored entry per storage. */
export function readZipCheckpoint(source: ByteSource, environment: TorchEnvironment): Description {
  const zip = new ZipReader(source);
  const folder = archiveFolder(zip, source);
  const root = unpickle(pickleOf(zip, folder, source), environment);
  if (zip.entries.has(`${folder}constants.pkl`)) partScriptModules(root, codeReader(zip, folder));
  const layout = new ZipLayout(zip, folder, readByteOrder(zip, folder, source));
  return { root, storages: environment.storages.values(), layout };
}

/** The archive's one folder, whatever its name; torch takes it from the first entry. */
function archiveFolder(zip: ZipReader, source: ByteSource): string {
  const first = zip.entries.keys().next().value;
  const slash = first?.indexOf('/') ?? -1;
  const folder = slash > 0 ? (first as string).slice(0, slash + 1) : '';
  if (folder && zip.entries.has(`${folder}data.pkl`)) return folder;
  throw noPickle(zip, source);
}

function noPickle(zip: ZipReader, source: ByteSource): Error {
  const names = [...zip.entries.keys()];
  if (names.some((name) => /(^|\/)(archive_format|serialized_exported_program\.json)$/.test(name))) {
    return unsupported(
      source.origin,
      'the file is a program that torch.export saved (.pt2), a graph with its weights, and no checkpoint',
      "write its weights in Python: torch.save(torch.export.load(path).state_dict, 'weights.pth')",
    );
  }
  const inner = names.find((name) => /\.(pth|pt|pth\.tar)$/.test(name));
  if (inner)
    return unsupported(
      source.origin,
      `the file is a zip archive around "${printable(inner)}"`,
      'unzip it first',
    );
  if (names.some((name) => name.endsWith('.npy'))) {
    return unsupported(
      source.origin,
      'the file is a numpy archive (.npz)',
      'save it in Python with torch.save',
    );
  }
  return corrupt(source.origin, 'a zip archive without data.pkl is not a PyTorch checkpoint');
}

/** Sources of classes are short; a longer one is not looked at. */
const LONGEST_CODE = 1 << 24;

function codeReader(zip: ZipReader, folder: string): (path: string) => string | undefined {
  return (path) => {
    const entry = zip.entries.get(`${folder}code/${path}`);
    return entry && entry.size <= LONGEST_CODE ? Buffer.from(zip.read(entry)).toString('utf8') : undefined;
  };
}

function pickleOf(zip: ZipReader, folder: string, source: ByteSource): ByteCursor {
  const entry = zip.entries.get(`${folder}data.pkl`) as ZipEntry;
  if (entry.size > LARGEST_PICKLE) throw overLimit(source.origin, `data.pkl has ${entry.size} bytes`);
  return new ByteCursor(new BufferSource(zip.read(entry), source.origin));
}

function readByteOrder(zip: ZipReader, folder: string, source: ByteSource): boolean {
  const entry = zip.entries.get(`${folder}byteorder`);
  if (!entry) return false;
  const order = entry.size <= 16 ? Buffer.from(zip.read(entry)).toString('latin1').trim() : '';
  if (order === 'little' || order === 'big') return order === 'big';
  throw corrupt(source.origin, `unknown byte order "${printable(order)}"`);
}

class ZipLayout implements StorageLayout {
  readonly bigEndian: boolean;
  readonly #zip: ZipReader;
  readonly #folder: string;

  constructor(zip: ZipReader, folder: string, bigEndian: boolean) {
    this.#zip = zip;
    this.#folder = folder;
    this.bigEndian = bigEndian;
  }

  locate(storage: PyStorage): Extent | undefined {
    const entry = this.#zip.entries.get(`${this.#folder}data/${storage.key}`);
    if (entry === undefined) return undefined;
    if (entry.isDeflated) return { offset: 0, nbytes: entry.size, unpack: () => this.#zip.read(entry) };
    return { offset: this.#zip.dataOffset(entry), nbytes: entry.size };
  }
}
