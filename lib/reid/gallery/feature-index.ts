import type { Sliced } from '../../data/image/pixels.ts';
import { fromBuffer, scope } from '../../tensor/index.ts';
import { codeLevels, dotProducts, encode } from './int8-codes.ts';

/** What the similarity of a query and an entry can be: from `middle - off` to `middle + off`. */
export interface Bounds {
  readonly middle: Float64Array;
  readonly off: Float64Array;
}

// What float64 sums of 2,048 products of numbers up to 1 may be off by, many times over.
const ROUNDING = 1e-9;

/** Codes that are read at a time: about a millisecond. */
const PART_BYTES = 4 * 2 ** 20;

/** Codes of all entries, a row for each: a quarter of the bytes of their features. Rows have no gaps. */
export class FeatureIndex {
  readonly width: number;
  readonly #ids: string[] = [];
  readonly #rows = new Map<string, number>();
  #codes: Int8Array;
  #scales = new Float64Array(64);
  #rests = new Float64Array(64);
  #lengths = new Float64Array(64);

  constructor(width: number) {
    this.width = width;
    this.#codes = new Int8Array(64 * width);
  }

  get size(): number {
    return this.#ids.length;
  }

  /** The id of each row. */
  get ids(): readonly string[] {
    return this.#ids;
  }

  has(id: string): boolean {
    return this.#rows.has(id);
  }

  row(id: string): number | undefined {
    return this.#rows.get(id);
  }

  /** Adds an entry, or puts another feature in its place. Returns its row. */
  set(id: string, feature: Float32Array): number {
    const row = this.#rows.get(id) ?? this.#append(id);
    const { codes, scale, rest, length } = encode(feature, codeLevels());
    this.#codes.set(codes, row * this.width);
    this.#scales[row] = scale;
    this.#rests[row] = rest;
    this.#lengths[row] = length;
    return row;
  }

  #append(id: string): number {
    const row = this.#ids.length;
    if (row === this.#scales.length) this.#grow();
    this.#ids.push(id);
    this.#rows.set(id, row);
    return row;
  }

  #grow(): void {
    const size = this.#scales.length * 2;
    const larger = <T extends Float64Array | Int8Array>(made: T, from: T): T => {
      made.set(from as never);
      return made;
    };
    this.#codes = larger(new Int8Array(size * this.width), this.#codes);
    this.#scales = larger(new Float64Array(size), this.#scales);
    this.#rests = larger(new Float64Array(size), this.#rests);
    this.#lengths = larger(new Float64Array(size), this.#lengths);
  }

  /** Takes an entry out; the last row moves to its place. Returns that place. */
  delete(id: string): number {
    const row = this.#rows.get(id) as number;
    const last = this.#ids.length - 1;
    const moved = this.#ids[last] as string;
    this.#codes.copyWithin(row * this.width, last * this.width, (last + 1) * this.width);
    for (const values of [this.#scales, this.#rests, this.#lengths]) values[row] = values[last] as number;
    this.#ids[row] = moved;
    this.#rows.set(moved, row);
    this.#ids.pop();
    this.#rows.delete(id);
    return row;
  }

  /**
   * Bounds of all similarities to a query, in parts between which others may run; the index must not change meanwhile. By Cauchy
   * and Schwarz: what the codes leave out of one side meets at most the whole of the other.
   */
  *bounds(query: Float32Array): Sliced<Bounds> {
    const coded = encode(query, codeLevels());
    const [middle, off] = [new Float64Array(this.size), new Float64Array(this.size)];
    const rows = Math.max(1, Math.floor(PART_BYTES / this.width));
    for (let first = 0; first < middle.length; first += rows) {
      const end = Math.min(middle.length, first + rows);
      const dots = this.#products(first, end, coded.codes);
      for (let row = first; row < end; row++) {
        middle[row] = (dots[row - first] as number) * coded.scale * (this.#scales[row] as number);
        off[row] = (this.#rests[row] as number) + coded.rest * (this.#lengths[row] as number) + ROUNDING;
      }
      yield;
    }
    return { middle, off };
  }

  #products(first: number, end: number, query: Int8Array): Int32Array {
    const part = this.#codes.subarray(first * this.width, end * this.width);
    const codes = fromBuffer(part, { shape: [end - first, this.width] });
    const dots = scope(() => dotProducts(codes, query));
    codes.dispose();
    return dots;
  }
}
