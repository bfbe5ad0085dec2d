import { ByteCursor } from '../byte-cursor.ts';
import type { ByteSource } from '../byte-source.ts';
import { corrupt, printable, unsupported } from '../errors.ts';
import { describe } from '../pickle/checks.ts';
import { PLAIN_ENVIRONMENT, type TorchEnvironment } from '../pickle/persistent.ts';
import { unpickle } from '../pickle/unpickler.ts';
import type { Description } from '../storage/description.ts';
import { type Extent, itemsizeOf, type StorageLayout } from '../storage/storage-table.ts';
import type { PyStorage } from '../values.ts';

const MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL = 1001;
/** Read at once where the length of a storage lies: small storages share a step, the bytes of large ones are not read. */
const STEP = 4096;

/**
 * Reads the format before PyTorch 1.6: pickles of a magic number, a version, facts about the machine, the object
 * and the storages' keys, then each storage as its length and little-endian bytes.
 */
export function readLegacyCheckpoint(source: ByteSource, environment: TorchEnvironment): Description {
  const cursor = new ByteCursor(source);
  checkHeader(cursor);
  const root = unpickle(cursor, environment);
  const { storages } = environment;
  const extents = readExtents(cursor, readKeys(cursor), storages);
  return { root, storages: storages.values(), layout: new LegacyLayout(extents) };
}

function checkHeader(cursor: ByteCursor): void {
  const { origin } = cursor.source;
  if (unpickle(cursor, PLAIN_ENVIRONMENT) !== MAGIC) {
    throw unsupported(
      origin,
      'the file is a Python pickle that torch.save did not write',
      'write it with torch.save',
    );
  }
  const protocol = unpickle(cursor, PLAIN_ENVIRONMENT);
  if (protocol !== PROTOCOL)
    throw corrupt(origin, `expected legacy protocol ${PROTOCOL}, got ${describe(protocol)}`);
  unpickle(cursor, PLAIN_ENVIRONMENT);
}

function readKeys(cursor: ByteCursor): string[] {
  const keys = unpickle(cursor, PLAIN_ENVIRONMENT);
  if (!Array.isArray(keys)) throw corrupt(cursor.source.origin, 'expected a list of storage keys');
  return keys.map((key) => storageKey(cursor, key));
}

function storageKey(cursor: ByteCursor, key: unknown): string {
  if (typeof key === 'string' || typeof key === 'number') return String(key);
  throw corrupt(cursor.source.origin, `expected a storage key, got ${describe(key)}`);
}

function readExtents(
  cursor: ByteCursor,
  keys: readonly string[],
  storages: ReadonlyMap<string, PyStorage>,
): Map<string, Extent> {
  const extents = new Map<string, Extent>();
  for (const key of keys) {
    const storage = storages.get(key);
    if (!storage || extents.has(key))
      throw corrupt(cursor.source.origin, `stray storage "${printable(key)}"`);
    extents.set(key, readExtent(cursor, storage));
  }
  return extents;
}

function readExtent(cursor: ByteCursor, storage: PyStorage): Extent {
  const nbytes = cursor.u64(STEP) * itemsizeOf(storage);
  const extent = { offset: cursor.position, nbytes };
  if (nbytes > cursor.remaining) {
    const detail = `cut off: storage "${printable(storage.key)}" has ${nbytes} bytes from byte ${extent.offset}`;
    throw corrupt(cursor.source.origin, detail);
  }
  cursor.position += nbytes;
  return extent;
}

class LegacyLayout implements StorageLayout {
  // torch swaps legacy storages to little-endian when it writes them on a big-endian machine.
  readonly bigEndian = false;
  readonly #extents: ReadonlyMap<string, Extent>;

  constructor(extents: ReadonlyMap<string, Extent>) {
    this.#extents = extents;
  }

  locate(storage: PyStorage): Extent | undefined {
    return this.#extents.get(storage.key);
  }
}
