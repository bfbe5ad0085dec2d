import { describeValue, suggestion } from '../options.ts';

/**
 * How values of ranks are put together, as torch's `ReduceOp`; the numbers are c10d's. Gloo has all but AVG, and the
 * bitwise ones for integers only.
 */
export const ReduceOp = Object.freeze({
  SUM: 0,
  AVG: 1,
  PRODUCT: 2,
  MIN: 3,
  MAX: 4,
  BAND: 5,
  BOR: 6,
  BXOR: 7,
} as const);

/** One of {@link ReduceOp}'s. */
export type ReduceOp = (typeof ReduceOp)[keyof typeof ReduceOp];

/** Refuses what is none. */
export function checkReduceOp(owner: string, op: unknown): asserts op is ReduceOp {
  if (typeof op === 'number' && Number.isInteger(op) && op >= 0 && op <= ReduceOp.BXOR) return;
  const got = describeValue(op);
  const hint = typeof op === 'string' ? suggestion(op, Object.keys(ReduceOp)) : '';
  throw new TypeError(`Expected one of ReduceOp, such as ReduceOp.SUM, for ${owner}, got ${got}${hint}`);
}
