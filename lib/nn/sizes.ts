import type { Tensor } from '../tensor/index.ts';

/** One number for both spatial dimensions, or [height, width]. */
export type Size2 = number | readonly [number, number];
/** As `Size2`, where null keeps the input's size. */
export type OutputSize = number | null | readonly [number | null, number | null];
/** How a loss is reduced over the batch. */
export type Reduction = 'none' | 'mean' | 'sum';

const REDUCTIONS: Record<Reduction, number> = { none: 0, mean: 1, sum: 2 };

/** `[height, width]` of a size given as one number or two. */
export function pair(size: Size2): [number, number] {
  return typeof size === 'number' ? [size, size] : [size[0], size[1]];
}

/** The same after checking that the numbers are whole and at least `least`. */
export function checkedPair(owner: string, name: string, size: Size2, least: number): [number, number] {
  const sizes = pair(size);
  for (const value of sizes) checkCount(owner, name, value, least);
  return sizes;
}

/** Checks a whole number. */
export function checkCount(owner: string, name: string, value: number, least: number): void {
  if (Number.isInteger(value) && value >= least) return;
  const expected = `Expected a whole number of at least ${least} for ${owner} ${name}`;
  if (typeof value !== 'number') throw new TypeError(`${expected}, got ${typeof value}`);
  throw new RangeError(`${expected}, got ${value}`);
}

/** Output size of an adaptive pooling layer for the input `x` (..., H, W). */
export function adaptiveSize(x: Tensor, size: OutputSize): [number, number] {
  if (typeof size === 'number') return [size, size];
  const [height, width] = size ?? [null, null];
  if (height !== null && width !== null) return [height, width];
  const shape = x.shape;
  return [height ?? shape.at(-2) ?? 1, width ?? shape.at(-1) ?? 1];
}

/** libtorch's number for a reduction. */
export function reductionCode(owner: string, reduction: Reduction): number {
  const code = REDUCTIONS[reduction];
  if (code !== undefined) return code;
  throw new RangeError(`Expected reduction "none", "mean" or "sum" for ${owner}, got "${reduction}"`);
}
