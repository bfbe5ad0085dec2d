import { describeValue } from '../options.ts';
import type { Tensor } from '../tensor/index.ts';
import { type Argument, argument } from './arguments.ts';
import { pythonRepr } from './module/repr.ts';

/** How many spatial dimensions a layer has. */
export type Dims = 1 | 2 | 3;
/** A number for each spatial dimension. */
export type Tuple<D extends Dims, T = number> = D extends 1 ? [T] : D extends 2 ? [T, T] : [T, T, T];
/** One number for all spatial dimensions, or one for each. */
export type Size<D extends Dims> = number | Readonly<Tuple<D>>;
/** The size of a spatial dimension. */
export type Size1 = Size<1>;
/** One number for both spatial dimensions, or [height, width]. */
export type Size2 = number | readonly [number, number];
/** One number for all three spatial dimensions, or [depth, height, width]. */
export type Size3 = Size<3>;
/** As `Size2`, where null keeps the input's size. */
export type OutputSize = OutputSizes<2>;
/** How a loss is reduced over the batch. */
export type Reduction = 'none' | 'mean' | 'sum';

const REDUCTIONS: Record<Reduction, number> = { none: 0, mean: 1, sum: 2 };

/** `[height, width]` of a size given as one number or two. */
export function pair(size: Size2): [number, number] {
  return typeof size === 'number' ? [size, size] : [size[0], size[1]];
}

/** A number for each dimension, of a size given as one number or all. */
export function tuple<D extends Dims>(dims: D, size: Size<D>): Tuple<D> {
  return (typeof size === 'number' ? Array(dims).fill(size) : [...size]) as Tuple<D>;
}

const SIZE_TEXT: Record<number, string> = { 1: 'one', 2: 'two', 3: 'three', 4: 'four', 6: 'six' };

/** One number or an array of `count`, all whole and at least `least`. */
function numbers(count: number, least: number) {
  const bound = Number.isFinite(least) ? ` of at least ${least}` : '';
  return {
    expected: `a whole number${bound}, or ${SIZE_TEXT[count] ?? count} in an array,`,
    isKind: (value: unknown): boolean => typeof value === 'number' || Array.isArray(value),
    isValue: (value: number | readonly number[]): boolean => {
      const list = typeof value === 'number' ? [value] : value;
      const isLong = typeof value === 'number' || list.length === count;
      return isLong && list.every((item) => Number.isInteger(item) && item >= least);
    },
  };
}

/** A size, kept as it is given. */
export function sizes<D extends Dims>(dims: D, least: number, fallback?: Size<D>): Argument<Size<D>> {
  const { expected, isKind, isValue } = numbers(dims, least);
  return argument<Size<D>>(fallback, expected, isKind, isValue, pythonRepr);
}

/** A size, kept as a number for each dimension. */
export function tuples<D extends Dims>(dims: D, least: number, fallback?: Size<D>): Argument<Tuple<D>> {
  const given = sizes(dims, least);
  return {
    fallback: fallback === undefined ? undefined : tuple(dims, fallback),
    byName: false,
    read: (owner, name, value) => tuple(dims, given.read(owner, name, value)),
    print: pythonRepr,
  };
}

/** Numbers for both sides of each dimension: [left, right], and so on from the last dimension to the first. */
export type Sides<D extends Dims> = D extends 1
  ? [left: number, right: number]
  : D extends 2
    ? [left: number, right: number, top: number, bottom: number]
    : [left: number, right: number, top: number, bottom: number, front: number, back: number];

/** Numbers for both sides of each dimension, given as one or all. Negative ones crop. */
export function sides<D extends Dims>(dims: D): Argument<Sides<D>> {
  const count = 2 * dims;
  const { expected, isKind, isValue } = numbers(count, Number.NEGATIVE_INFINITY);
  const given = argument<number | number[]>(undefined, expected, isKind, isValue, pythonRepr);
  return {
    fallback: undefined,
    byName: false,
    read(owner, name, value) {
      const size = given.read(owner, name, value);
      return (typeof size === 'number' ? Array(count).fill(size) : [...size]) as Sides<D>;
    },
    print: pythonRepr,
  };
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

/** The size of an adaptive pooling's output; null keeps the input's. */
export type OutputSizes<D extends Dims> = number | null | Readonly<Tuple<D, number | null>>;

/** The output size of an adaptive pooling, kept as it is given. */
export function outputSizes<D extends Dims>(dims: D): Argument<OutputSizes<D>> {
  const isSize = (item: unknown): boolean =>
    item === null || (Number.isInteger(item) && (item as number) >= 0);
  return argument<OutputSizes<D>>(
    undefined,
    `a whole number of at least 0, null, or ${SIZE_TEXT[dims]} of them in an array,`,
    (value) => value === null || typeof value === 'number' || Array.isArray(value),
    (value) => (Array.isArray(value) ? value.length === dims && value.every(isSize) : isSize(value)),
    pythonRepr,
  );
}

/** Output size of an adaptive pooling of the input `x`, whose last dimensions are spatial. */
export function adaptiveSize<D extends Dims>(dims: D, x: Tensor, size: OutputSizes<D>): Tuple<D> {
  const wanted = Array.isArray(size) ? size : Array(dims).fill(size);
  if (!wanted.includes(null)) return wanted as unknown as Tuple<D>;
  const shape = x.shape.slice(-dims);
  return wanted.map((length, i) => length ?? shape[i] ?? 1) as Tuple<D>;
}

/** libtorch's number for a reduction. */
export function reductionCode(owner: string, reduction: Reduction): number {
  if (typeof reduction === 'string' && Object.hasOwn(REDUCTIONS, reduction)) return REDUCTIONS[reduction];
  const ErrorClass = typeof reduction === 'string' ? RangeError : TypeError;
  throw new ErrorClass(
    `Expected reduction "none", "mean" or "sum" for ${owner}, got ${describeValue(reduction)}`,
  );
}

/** A loss of each element, reduced. */
export function reduced(losses: Tensor, reduction: Reduction): Tensor {
  if (reduction === 'none') return losses;
  return reduction === 'mean' ? losses.mean() : losses.sum();
}
