import { checkPositions, describeValue } from '../../options.ts';
import type { Tensor } from '../tensor.ts';

function checkBound(name: string, value: unknown): void {
  if (value === null || Number.isInteger(value)) return;
  throw new TypeError(`Expected an integer or null for slice ${name}, got ${describeValue(value)}`);
}

/** Python's `start:stop:step`. */
export class Slice {
  readonly start: number | null;
  readonly stop: number | null;
  readonly step: number;
  constructor(start: number | null, stop: number | null, step: number) {
    checkPositions('slice', arguments, 3);
    checkBound('start', start);
    checkBound('stop', stop);
    if (!Number.isInteger(step) || step < 1)
      throw new RangeError(`Expected a step of at least 1 for slice, got ${describeValue(step)}`);
    this.start = start;
    this.stop = stop;
    this.step = step;
  }
}

/**
 * Python's slice: `slice(1, 3)` is `1:3`, `slice(null, -1)` is `:-1`, `slice(0, null, 2)` is `::2`.
 *
 * @throws RangeError for a step below 1, which torch does not have.
 */
export function slice(start: number | null = null, stop: number | null = null, step = 1): Slice {
  checkPositions('slice', arguments, 3);
  return new Slice(start, stop, step);
}

/** Nested arrays of integers, or of booleans for a mask: Python's list. */
export type IndexArray = readonly (number | bigint | boolean | IndexArray)[];

/**
 * One place of `x.index(...)`: Python's integer, slice, `:`, `...`, None, bool, index tensor or mask, or list of these
 * numbers.
 */
export type Index = number | bigint | Slice | ':' | '...' | null | boolean | Tensor | IndexArray;
