import { crc32 } from './crc32.ts';

const ALIGNMENT = 64;
const LOCAL_SIZE = 30;
const UTF8_NAMES = 0x800;
const FIRST_OF_JANUARY_1980 = 0x21;
const PADDING_EXTRA = 0x4246;
const ZIP64_EXTRA = 1;
const MAX32 = 0xffffffff;
const MAX16 = 0xffff;

interface Written {
  readonly name: Buffer;
  readonly crc: number;
  readonly size: number;
  readonly offset: number;
}

/**
 * Writes a zip archive to a sink, front to back: stored entries whose data is aligned to 64 bytes, as PyTorch
 * maps them, with checksums; zip64 where sizes or offsets need it.
 */
export class ZipWriter {
  readonly #sink: (bytes: Uint8Array) => void;
  readonly #written: Written[] = [];
  #offset = 0;

  constructor(sink: (bytes: Uint8Array) => void) {
    this.#sink = sink;
  }

  /** Checksums of all entries so far, in order. */
  checksums(): number[] {
    return this.#written.map((entry) => entry.crc);
  }

  /** Writes one entry. */
  add(name: string, bytes: Uint8Array): void {
    this.addPieces(name, () => [bytes]);
  }

  /** Writes one entry from pieces, which are gone through twice and never copied. */
  addPieces(name: string, pieces: () => Iterable<Uint8Array>): void {
    let [crc, size] = [0, 0];
    for (const piece of pieces()) {
      crc = crc32(piece, crc);
      size += piece.length;
    }
    const entry = { name: Buffer.from(name, 'utf8'), crc, size, offset: this.#offset };
    this.#emit(localHeader(entry));
    for (const piece of pieces()) this.#emit(piece);
    this.#written.push(entry);
  }

  /** Writes the directory. */
  finish(): void {
    const start = this.#offset;
    for (const entry of this.#written) this.#emit(centralHeader(entry));
    const size = this.#offset - start;
    const count = this.#written.length;
    if (start + size >= MAX32 || count >= MAX16) this.#emit(end64(count, size, start, this.#offset));
    this.#emit(end(count, size, start));
  }

  #emit(bytes: Uint8Array): void {
    this.#sink(bytes);
    this.#offset += bytes.length;
  }
}

function localHeader(entry: Written): Buffer {
  const wide = entry.size >= MAX32 ? zip64Extra([entry.size, entry.size]) : Buffer.alloc(0);
  const unpadded = entry.offset + LOCAL_SIZE + entry.name.length + wide.length + 4;
  const padding = Buffer.alloc(4 + ((ALIGNMENT - (unpadded % ALIGNMENT)) % ALIGNMENT), 'Z');
  padding.writeUInt16LE(PADDING_EXTRA, 0);
  padding.writeUInt16LE(padding.length - 4, 2);
  const fixed = Buffer.alloc(LOCAL_SIZE);
  fixed.writeUInt32LE(0x04034b50, 0);
  writeCommon(fixed, 4, entry, wide.length + padding.length);
  return Buffer.concat([fixed, entry.name, wide, padding]);
}

function centralHeader(entry: Written): Buffer {
  const isLarge = entry.size >= MAX32;
  const isFar = entry.offset >= MAX32;
  const wide = [...(isLarge ? [entry.size, entry.size] : []), ...(isFar ? [entry.offset] : [])];
  const extra = wide.length > 0 ? zip64Extra(wide) : Buffer.alloc(0);
  const fixed = Buffer.alloc(46);
  fixed.writeUInt32LE(0x02014b50, 0);
  fixed.writeUInt16LE(45, 4);
  writeCommon(fixed, 6, entry, extra.length);
  fixed.writeUInt32LE(Math.min(entry.offset, MAX32), 42);
  return Buffer.concat([fixed, entry.name, extra]);
}

/** The fields that local and central headers share, from "version needed" to the length of the extra fields. */
function writeCommon(header: Buffer, at: number, entry: Written, extraLength: number): void {
  header.writeUInt16LE(45, at);
  header.writeUInt16LE(UTF8_NAMES, at + 2);
  header.writeUInt16LE(FIRST_OF_JANUARY_1980, at + 8);
  header.writeUInt32LE(entry.crc, at + 10);
  header.writeUInt32LE(Math.min(entry.size, MAX32), at + 14);
  header.writeUInt32LE(Math.min(entry.size, MAX32), at + 18);
  header.writeUInt16LE(entry.name.length, at + 22);
  header.writeUInt16LE(extraLength, at + 24);
}

function zip64Extra(values: readonly number[]): Buffer {
  const extra = Buffer.alloc(4 + values.length * 8);
  extra.writeUInt16LE(ZIP64_EXTRA, 0);
  extra.writeUInt16LE(values.length * 8, 2);
  for (const [index, value] of values.entries()) extra.writeBigUInt64LE(BigInt(value), 4 + index * 8);
  return extra;
}

function end64(count: number, size: number, start: number, offset: number): Buffer {
  const record = Buffer.alloc(56 + 20);
  record.writeUInt32LE(0x06064b50, 0);
  record.writeBigUInt64LE(44n, 4);
  record.writeUInt16LE(45, 12);
  record.writeUInt16LE(45, 14);
  for (const [at, value] of [
    [24, count],
    [32, count],
    [40, size],
    [48, start],
  ] as const) {
    record.writeBigUInt64LE(BigInt(value), at);
  }
  record.writeUInt32LE(0x07064b50, 56);
  record.writeBigUInt64LE(BigInt(offset), 64);
  record.writeUInt32LE(1, 72);
  return record;
}

function end(count: number, size: number, start: number): Buffer {
  const record = Buffer.alloc(22);
  record.writeUInt32LE(0x06054b50, 0);
  record.writeUInt16LE(Math.min(count, MAX16), 8);
  record.writeUInt16LE(Math.min(count, MAX16), 10);
  record.writeUInt32LE(Math.min(size, MAX32), 12);
  record.writeUInt32LE(Math.min(start, MAX32), 16);
  return record;
}
