import { inflateRawSync } from 'node:zlib';
import type { ByteSource } from '../byte-source.ts';
import { corrupt, overLimit, printable, unsupported } from '../errors.ts';
import { crc32 } from './crc32.ts';
import { bufferOf, findDirectory } from './directory.ts';

const CENTRAL_HEADER = 0x02014b50;
const LOCAL_HEADER = 0x04034b50;
const CENTRAL_SIZE = 46;
const LOCAL_SIZE = 30;
const MOST_ENTRIES = 1 << 20;
const ZIP64_EXTRA = 1;
const ENCRYPTED = 1;
const DEFLATED = 8;
// Weights hardly shrink; what is all zeros may grow a thousand times, of which a small file may have some.
const FREE_GROWTH = 1 << 24;
const LARGEST_GROWTH = 32;
// Small storages lie close together: one read covers the headers of several.
const HEADER_WINDOW = 1 << 14;

/** One file in an archive. `offset` is its local header's. */
export interface ZipEntry {
  readonly name: string;
  /** Bytes of the name. */
  readonly nameLength: number;
  readonly offset: number;
  readonly size: number;
  /** Bytes in the file; fewer than `size` where they are deflated. */
  readonly stored: number;
  readonly crc: number;
  readonly isDeflated: boolean;
  /** Why its bytes cannot be read. */
  readonly obstacle: 'encrypted' | 'compressed by an unusual method' | undefined;
}

/**
 * The index of a zip archive (zip64 included). Entries must be distinct by name and together no larger than the file,
 * as they lie there; deflated ones may grow as far as `LARGEST_GROWTH` says.
 */
export class ZipReader {
  readonly entries: ReadonlyMap<string, ZipEntry>;
  readonly #source: ByteSource;
  readonly #directoryStart: number;
  readonly #scratch = Buffer.allocUnsafe(HEADER_WINDOW);
  #window: { start: number; bytes: Buffer } = { start: 0, bytes: this.#scratch.subarray(0, 0) };

  constructor(source: ByteSource) {
    this.#source = source;
    const directory = findDirectory(source);
    this.#directoryStart = directory.offset;
    if (directory.count > MOST_ENTRIES) throw this.#corrupt(`${directory.count} entries`);
    this.entries = this.#readEntries(directory.offset, directory.size, directory.count);
    this.#checkTotal();
  }

  /** Where an entry's bytes begin, from its local header. */
  dataOffset(entry: ZipEntry): number {
    this.#checkReadable(entry);
    const header = this.#header(entry.offset, LOCAL_SIZE + entry.nameLength);
    if (header.readUInt32LE(0) !== LOCAL_HEADER) throw this.#corrupt('no local header', entry.name);
    const nameEnd = LOCAL_SIZE + header.readUInt16LE(26);
    const name = header.toString('utf8', LOCAL_SIZE, nameEnd);
    const isSame = name === entry.name && nameEnd === header.length;
    if (!isSame) throw this.#corrupt(`a local header for "${printable(name)}"`, entry.name);
    const start = entry.offset + nameEnd + header.readUInt16LE(28);
    if (start + entry.stored > this.#directoryStart) throw this.#corrupt('bytes past the end', entry.name);
    return start;
  }

  /** An entry's bytes, compared with their CRC-32 (torch can be told to write none; the field is 0 then). */
  read(entry: ZipEntry): Uint8Array {
    const stored = this.#source.read(this.dataOffset(entry), entry.stored);
    const bytes = entry.isDeflated ? this.#inflated(entry, stored) : stored;
    if (entry.crc !== 0 && crc32(bytes) !== entry.crc) throw this.#corrupt('a wrong checksum', entry.name);
    return bytes;
  }

  #inflated(entry: ZipEntry, stored: Uint8Array): Uint8Array {
    // zlib wants room for one byte at least.
    const maxOutputLength = Math.max(entry.size, 1);
    try {
      const bytes = inflateRawSync(stored, { maxOutputLength });
      if (bytes.length === entry.size) return bytes;
    } catch {}
    throw this.#corrupt('deflated bytes that do not unpack to its size', entry.name);
  }

  #readEntries(offset: number, size: number, count: number): Map<string, ZipEntry> {
    const directory = this.#buffer(offset, size);
    const entries = new Map<string, ZipEntry>();
    let position = 0;
    for (let index = 0; index < count; index++) {
      const { entry, length } = this.#readEntry(directory, position);
      if (entries.has(entry.name)) throw this.#corrupt('two entries of one name', entry.name);
      entries.set(entry.name, entry);
      position += length;
    }
    return entries;
  }

  #readEntry(directory: Buffer, position: number): { entry: ZipEntry; length: number } {
    const header = directory.subarray(position, position + CENTRAL_SIZE);
    if (header.length < CENTRAL_SIZE || header.readUInt32LE(0) !== CENTRAL_HEADER) {
      throw this.#corrupt('a broken central directory');
    }
    const nameEnd = position + CENTRAL_SIZE + header.readUInt16LE(28);
    const extraEnd = nameEnd + header.readUInt16LE(30);
    const length = extraEnd - position + header.readUInt16LE(32);
    if (position + length > directory.length) throw this.#corrupt('a broken central directory');
    const name = directory.toString('utf8', position + CENTRAL_SIZE, nameEnd);
    const [size, stored, offset] = this.#sizes(header, directory.subarray(nameEnd, extraEnd), name);
    const obstacle = obstacleOf(header);
    const isDeflated = header.readUInt16LE(10) === DEFLATED;
    if (!obstacle && !isDeflated && size !== stored) throw this.#corrupt('two sizes for stored bytes', name);
    const [nameLength, crc] = [header.readUInt16LE(28), header.readUInt32LE(16)];
    return { entry: { name, nameLength, offset, size, stored, crc, isDeflated, obstacle }, length };
  }

  #checkReadable(entry: ZipEntry): void {
    if (!entry.obstacle) return;
    const detail = `${entry.obstacle} zip entry "${printable(entry.name)}"`;
    throw unsupported(this.#source.origin, detail, 'write the file with torch.save, or zip it with "zip -0"');
  }

  /** Size, stored size and header offset; a field of all ones is in the zip64 extra field, in this order. */
  #sizes(header: Buffer, extra: Buffer, name: string): [number, number, number] {
    const wide = zip64Fields(extra);
    const resolve = (value: number): number => {
      if (value !== 0xffffffff) return value;
      const field = wide.shift();
      if (field === undefined || field > BigInt(Number.MAX_SAFE_INTEGER)) {
        throw this.#corrupt('a broken zip64 field', name);
      }
      return Number(field);
    };
    const size = resolve(header.readUInt32LE(24));
    const stored = resolve(header.readUInt32LE(20));
    return [size, stored, resolve(header.readUInt32LE(42))];
  }

  #checkTotal(): void {
    let [stored, deflated] = [0, 0];
    for (const entry of this.entries.values()) {
      stored += entry.stored;
      if (entry.isDeflated) deflated += entry.size;
    }
    const { origin, size } = this.#source;
    if (stored > size) throw this.#corrupt(`${stored} bytes in a file of ${size}`);
    if (deflated <= FREE_GROWTH + size * LARGEST_GROWTH) return;
    throw overLimit(origin, `${deflated} bytes deflated into a file of ${size}; zip it anew with "zip -0"`);
  }

  /** Part of the file that is valid until the next call. */
  #header(offset: number, length: number): Buffer {
    const at = offset - this.#window.start;
    if (at >= 0 && at + length <= this.#window.bytes.length)
      return this.#window.bytes.subarray(at, at + length);
    const wanted = Math.max(length, Math.min(HEADER_WINDOW, this.#source.size - offset));
    const bytes = bufferOf(
      this.#source.read(offset, wanted, wanted <= HEADER_WINDOW ? this.#scratch : undefined),
    );
    this.#window = { start: offset, bytes };
    return bytes.subarray(0, length);
  }

  #buffer(offset: number, length: number): Buffer {
    return bufferOf(this.#source.read(offset, length));
  }

  #corrupt(detail: string, name?: string) {
    const subject = name === undefined ? 'the zip archive' : `zip entry "${printable(name)}"`;
    return corrupt(this.#source.origin, `${subject} has ${detail}`);
  }
}

function obstacleOf(header: Buffer): ZipEntry['obstacle'] {
  if (header.readUInt16LE(8) & ENCRYPTED) return 'encrypted';
  const method = header.readUInt16LE(10);
  return method === 0 || method === DEFLATED ? undefined : 'compressed by an unusual method';
}

function zip64Fields(extra: Buffer): bigint[] {
  let position = 0;
  while (position + 4 <= extra.length) {
    const length = extra.readUInt16LE(position + 2);
    const field = extra.subarray(position + 4, position + 4 + length);
    if (extra.readUInt16LE(position) === ZIP64_EXTRA) {
      return Array.from({ length: field.length >> 3 }, (_, index) => field.readBigUInt64LE(index * 8));
    }
    position += 4 + length;
  }
  return [];
}
