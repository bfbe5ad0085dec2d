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
  const entrySize = reader.big ? 20 : 12;
  for (let index = 0; index < entries; index++) {
    const [tag, values] = reader.entry(at + index * entrySize);
    if (values !== undefined && !tags.has(tag)) tags.set(tag, values);
  }
  return tags;
}

/** A copy of the file with another number for the first one of a tag of 16-bit numbers. */
export function withTag(bytes: Uint8Array, tag: number, value: number): Buffer {
  const copy = Buffer.from(bytes);
  const reader = new Reader(copy);
  const { entries, at } = reader.directory();
  for (let index = 0; index < entries; index++)
    reader.replace(at + index * (reader.big ? 20 : 12), tag, value);
  return copy;
}

class Reader {
  readonly big: boolean;
  readonly #view: DataView;
  readonly #little: boolean;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#little = bytes[0] === 0x49;
    this.big = this.number(2, 2) === 43;
  }

  /** How many entries the first directory has, and where they begin. */
  directory(): { entries: number; at: number } {
    const start = this.big ? this.number(8, 8) : this.number(4, 4);
    const size = this.big ? 8 : 2;
    const entries = this.number(start, size);
    const bytes = entries * (this.big ? 20 : 12);
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

  replace(at: number, tag: number, value: number): void {
    if (this.number(at, 2) !== tag || SIZES[this.number(at + 2, 2)] !== 2) return;
    const count = this.number(at + 4, this.big ? 8 : 4);
    this.#view.setUint16(this.#valuesAt(at, 2 * count), value, this.#little);
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
