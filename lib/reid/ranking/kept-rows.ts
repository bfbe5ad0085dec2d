import { type DistanceRows, rowsOfBlock } from './distance-rows.ts';

const MOST_BYTES = 2 ** 31;

/** Rows that are computed once, where all of them take little enough memory; else each time. Not to be written into. */
export class KeptRows implements DistanceRows {
  readonly queries: number;
  readonly gallery: number;
  readonly #source: DistanceRows;
  readonly #blocks: Map<number, Float32Array> | undefined;

  constructor(source: DistanceRows) {
    this.#source = source;
    this.queries = source.queries;
    this.gallery = source.gallery;
    const bytes = 4 * source.queries * source.gallery;
    this.#blocks = bytes <= MOST_BYTES ? new Map() : undefined;
  }

  /** Whole blocks, as `forEachRow` asks for them. */
  rows(start: number, end: number): Float32Array {
    const step = rowsOfBlock(this.gallery);
    const isBlock = start % step === 0 && end === Math.min(start + step, this.queries);
    const kept = isBlock ? this.#blocks?.get(start) : undefined;
    if (kept !== undefined) return kept;
    const block = this.#source.rows(start, end);
    if (!isBlock || this.#blocks === undefined) return block;
    const own = block.slice();
    this.#blocks.set(start, own);
    return own;
  }
}
