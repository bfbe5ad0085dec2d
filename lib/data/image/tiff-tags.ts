import { truncated, Unreadable } from './unreadable.ts';

/** The numbers of a TIFF's first directory that say how its pixels are stored, by tag. */
export type TiffTags = ReadonlyMap<number, readonly number[]>;

const SIZES: Record<number, number> = {
  1: 1,
  2: 1,
  3: 2,
  4: 4,
  6: 1,
  7: 1,
  8: 2,
  9: 4,
  13: 4,
  16: 8,
  17: 8,
  18: 8,
};
/** More numbers than any tag has that is looked at, but XMP's. */
const MAX_COUNT = 1 << 20;

/** Reads a TIFF's first directory, of either byte order, BigTIFF too; tags of fractions and floats are left out. */
export function readTiffTags(bytes: Uint8Array): TiffTags {
  const reader = new Reader(bytes);
  const tags = new Map<number, readonly number[]>();
  const { entries, at } = reader.directory();
  for (let index = 0; index < entries; index++) {
    const [tag, values] = reader.entry(at + index * reader.entrySize);
    if (values !== undefined && !tags.has(tag)) tags.set(tag, values);
  }
  return tags;
}

/**
 * A copy of the file whose one directory has the tags to `keep` and no others, in order, some added or with another first
 * number of 16 bits: `changes`.
 * libtiff warns of what stands in tags that do not matter, and of directories that are not read.
 */
export function withDirectory(
  bytes: Uint8Array,
  keep: readonly number[],
  changes: ReadonlyMap<number, number> = new Map(),
): Buffer {
  const reader = new Reader(bytes);
  const entries = reader.entries(keep, [...changes.keys()]);
  const start = bytes.length + (bytes.length & 1);
  const width = reader.big ? 8 : 2;
  const copy = Buffer.allocUnsafeSlow(start + width + entries.length * reader.entrySize + 8);
  copy.set(bytes);
  copy.fill(0, bytes.length);
  let at = start + width;
  const written = new Reader(copy);
  written.write(reader.big ? 8 : 4, reader.big ? 8 : 4, start);
  written.write(start, width, entries.length);
  for (const [tag, entry] of entries) {
    if (entry === undefined) written.writeShort(at, tag);
    else copy.set(entry, at);
    const value = changes.get(tag);
    if (value !== undefined) written.replaceFirst(at, value);
    at += reader.entrySize;
  }
  return copy;
}

class Reader {
  readonly big: boolean;
  readonly entrySize: number;
  readonly #view: DataView;
  readonly #little: boolean;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#little = bytes[0] === 0x49;
    this.big = this.number(2, 2) === 43;
    this.entrySize = this.big ? 20 : 12;
  }

  /** How many entries the first directory has, and where they begin. */
  directory(): { entries: number; at: number } {
    const start = this.big ? this.number(8, 8) : this.number(4, 4);
    const size = this.big ? 8 : 2;
    const entries = this.number(start, size);
    const bytes = entries * this.entrySize;
    if (start + size + bytes > this.#view.byteLength) throw truncated();
    return { entries, at: start + size };
  }

  entry(at: number): [tag: number, values: number[] | undefined] {
    const tag = this.number(at, 2);
    const type = this.number(at + 2, 2);
    const size = SIZES[type];
    const count = this.number(at + 4, this.big ? 8 : 4);
    if (size === undefined || count > MAX_COUNT) return [tag, undefined];
    const start = this.#valuesAt(at, size * count);
    if (start + size * count > this.#view.byteLength) return [tag, undefined];
    return [tag, Array.from({ length: count }, (_, index) => this.number(start + index * size, size))];
  }

  /** The bytes of the first entry of each tag to `keep`, in order; undefined for one of `wanted` that is not there. */
  entries(
    keep: readonly number[],
    wanted: readonly number[],
  ): [tag: number, bytes: Uint8Array | undefined][] {
    const { entries, at } = this.directory();
    const found = new Map<number, Uint8Array | undefined>();
    for (let index = 0; index < entries; index++) {
      const start = at + index * this.entrySize;
      const tag = this.number(start, 2);
      const bytes = new Uint8Array(this.#view.buffer, this.#view.byteOffset + start, this.entrySize);
      if (keep.includes(tag) && !found.has(tag)) found.set(tag, bytes);
    }
    for (const tag of wanted) if (!found.has(tag)) found.set(tag, undefined);
    return [...found].sort(([a], [b]) => a - b);
  }

  /** An entry of one 16-bit number, 0. */
  writeShort(at: number, tag: number): void {
    this.write(at, 2, tag);
    this.write(at + 2, 2, 3);
    this.write(at + 4, this.big ? 8 : 4, 1);
  }

  /** Gives the entry another first number, where it has 16-bit ones. */
  replaceFirst(at: number, value: number): void {
    if (SIZES[this.number(at + 2, 2)] !== 2) return;
    const count = this.number(at + 4, this.big ? 8 : 4);
    const start = this.#valuesAt(at, 2 * count);
    if (start + 2 > this.#view.byteLength) throw truncated();
    this.write(start, 2, value);
  }

  write(at: number, size: number, value: number): void {
    if (size === 2) this.#view.setUint16(at, value, this.#little);
    else if (size === 4) this.#view.setUint32(at, value, this.#little);
    else this.#view.setBigUint64(at, BigInt(value), this.#little);
  }

  /** Short values stand in the entry itself. */
  #valuesAt(entry: number, bytes: number): number {
    const field = this.big ? 8 : 4;
    const inPlace = entry + 4 + field;
    return bytes <= field ? inPlace : this.number(inPlace, field);
  }

  number(at: number, size: number): number {
    if (at + size > this.#view.byteLength) throw truncated();
    if (size === 1) return this.#view.getUint8(at);
    if (size === 2) return this.#view.getUint16(at, this.#little);
    if (size === 4) return this.#view.getUint32(at, this.#little);
    const value = Number(this.#view.getBigUint64(at, this.#little));
    if (Number.isSafeInteger(value)) return value;
    throw new Unreadable('an offset in it is beyond its end');
  }
}
