import { ops, type Tensor } from '../../tensor/index.ts';
import { argument, choice, flag, named, optional, Signature } from '../arguments.ts';
import { pythonFloat, pythonRepr } from '../module/repr.ts';
import { defineFunction } from './define.ts';

/** How `interpolate` computes the values between those of its input. */
export type InterpolateMode =
  | 'nearest'
  | 'nearest-exact'
  | 'linear'
  | 'bilinear'
  | 'bicubic'
  | 'trilinear'
  | 'area'
  | 'lanczos';

/** Options of `interpolate`; give either `size` or `scaleFactor`. */
export interface InterpolateOptions {
  /** One number for all spatial dimensions, or one for each. */
  size?: number | readonly number[] | null;
  /** One number for all spatial dimensions, or one for each. */
  scaleFactor?: number | readonly number[] | null;
  /** Default `'nearest'`. `'lanczos'` is for `antialias` alone. */
  mode?: InterpolateMode;
  /** Align the corner pixels instead of the image borders; of the linear and cubic modes. Default false. */
  alignCorners?: boolean | null;
  /** Take the scale from the sizes of input and output, after rounding. Default false. */
  recomputeScaleFactor?: boolean | null;
  /** Filter when shrinking, as Pillow does; bilinear, bicubic and lanczos. Default false. */
  antialias?: boolean;
}

type Values = Required<InterpolateOptions>;
type Several = number | readonly number[];

const isSeveral = (value: unknown): boolean => typeof value === 'number' || Array.isArray(value);
const all = (value: Several, test: (item: number) => boolean): boolean =>
  (typeof value === 'number' ? [value] : value).every(test);
const printFloats = (value: Several): string =>
  typeof value === 'number' ? pythonFloat(value) : `(${value.map(pythonFloat).join(', ')})`;

/** Arguments of the function, its layer among them. */
export const INTERPOLATE_ARGUMENTS = {
  size: optional(
    argument<Several>(
      undefined,
      'whole numbers of at least 1',
      isSeveral,
      (value) => all(value, (item) => Number.isInteger(item) && item >= 1),
      pythonRepr,
    ),
  ),
  scaleFactor: optional(
    argument<Several>(
      undefined,
      'numbers above 0',
      isSeveral,
      (value) => all(value, (item) => item > 0),
      printFloats,
    ),
  ),
  mode: named(
    choice<InterpolateMode>(
      ['nearest', 'nearest-exact', 'linear', 'bilinear', 'bicubic', 'trilinear', 'area', 'lanczos'],
      'nearest',
    ),
  ),
  alignCorners: optional(flag()),
  recomputeScaleFactor: optional(flag()),
};

/** The ops of a mode by the number of spatial dimensions. */
const OPS: Record<InterpolateMode, Partial<Record<number, string>>> = {
  nearest: { 1: 'upsample_nearest1d', 2: 'upsample_nearest2d', 3: 'upsample_nearest3d' },
  'nearest-exact': {
    1: '_upsample_nearest_exact1d',
    2: '_upsample_nearest_exact2d',
    3: '_upsample_nearest_exact3d',
  },
  area: { 1: 'adaptive_avg_pool1d', 2: 'adaptive_avg_pool2d', 3: 'adaptive_avg_pool3d' },
  linear: { 1: 'upsample_linear1d' },
  bilinear: { 2: 'upsample_bilinear2d' },
  bicubic: { 2: 'upsample_bicubic2d' },
  trilinear: { 3: 'upsample_trilinear3d' },
  lanczos: { 2: '_upsample_lanczos2d_aa' },
};
const ANTIALIASED: Partial<Record<InterpolateMode, string>> = {
  bilinear: '_upsample_bilinear2d_aa',
  bicubic: '_upsample_bicubic2d_aa',
  lanczos: '_upsample_lanczos2d_aa',
};
const WITHOUT_CORNERS: readonly InterpolateMode[] = ['nearest', 'nearest-exact', 'area'];

/** A number for each of `dims` spatial dimensions. */
function spread(name: string, value: Several, dims: number): number[] {
  if (typeof value === 'number') return Array(dims).fill(value);
  if (value.length === dims) return [...value];
  throw new RangeError(
    `Expected one number or ${dims} for interpolate ${name}, as the input's spatial dimensions, got ${value.length}`,
  );
}

function checkTogether({
  size,
  scaleFactor,
  mode,
  alignCorners,
  recomputeScaleFactor,
  antialias,
}: Values): void {
  if ((size === null) === (scaleFactor === null)) {
    const got = size === null ? 'neither' : 'both';
    throw new RangeError(`Expected either size or scaleFactor for interpolate, got ${got}`);
  }
  if (recomputeScaleFactor && size !== null) {
    throw new RangeError('Expected scaleFactor with recomputeScaleFactor for interpolate, got size');
  }
  if (alignCorners !== null && WITHOUT_CORNERS.includes(mode)) {
    throw new RangeError(`Expected no alignCorners for interpolate of mode "${mode}", got ${alignCorners}`);
  }
  if (mode === 'lanczos' && (!antialias || alignCorners)) {
    throw new RangeError('Expected antialias true and alignCorners false for interpolate of mode "lanczos"');
  }
}

function opOf({ mode, antialias }: Values, dims: number): string {
  const op = antialias ? (dims === 2 ? ANTIALIASED[mode] : undefined) : OPS[mode][dims];
  if (op !== undefined) return op;
  if (antialias) {
    throw new RangeError(
      `Expected mode "bilinear", "bicubic" or "lanczos" and 4D input for interpolate with antialias, got "${mode}" and ${dims + 2}D input`,
    );
  }
  const taken = Object.keys(OPS[mode]).map((count) => `${Number(count) + 2}D`);
  throw new RangeError(
    `Expected ${taken.join(', ')} input for interpolate of mode "${mode}", got ${dims + 2}D input`,
  );
}

function resize(x: Tensor, values: Values): Tensor {
  checkTogether(values);
  const { size, scaleFactor, mode, alignCorners, recomputeScaleFactor } = values;
  const spatial = x.shape.slice(2);
  const dims = spatial.length;
  const op = opOf(values, dims);
  let target = size === null ? null : spread('size', size, dims);
  let scales = scaleFactor === null ? null : spread('scaleFactor', scaleFactor, dims);
  if (scales !== null && (recomputeScaleFactor || mode === 'area')) {
    target = spatial.map((length, i) => Math.floor(length * (scales?.[i] as number)));
    scales = null;
  }
  const aten = ops.aten as unknown as Record<string, { vec: (...args: unknown[]) => Tensor }>;
  if (mode === 'area') return (aten[op] as unknown as (x: Tensor, size: unknown) => Tensor)(x, target);
  if (WITHOUT_CORNERS.includes(mode)) return aten[op]?.vec(x, target, scales) as Tensor;
  return aten[op]?.vec(x, target, alignCorners ?? false, scales) as Tensor;
}

/**
 * Resizes (N, C, L), (N, C, H, W) or (N, C, D, H, W) to a size or by a factor.
 *
 * @example
 * nn.functional.interpolate(x, { scaleFactor: 2, mode: 'bilinear' });
 */
export const interpolate = defineFunction<
  [size?: number | readonly number[] | null],
  InterpolateOptions,
  Values
>('interpolate', new Signature<Values>({ ...INTERPOLATE_ARGUMENTS, antialias: flag() }, ['size']), resize);

/** Options of `upsample`. */
export type UpsampleOptions = Omit<InterpolateOptions, 'antialias' | 'recomputeScaleFactor'>;
type UpsampleSizes = Pick<InterpolateOptions, 'size' | 'scaleFactor'>;

const { size, scaleFactor, mode, alignCorners } = INTERPOLATE_ARGUMENTS;

/** The former name of `interpolate`. */
export const upsample = defineFunction<
  [size?: number | readonly number[] | null],
  UpsampleOptions,
  Required<UpsampleOptions>
>(
  'upsample',
  new Signature<Required<UpsampleOptions>>({ size, scaleFactor, mode, alignCorners }, ['size']),
  (x, values) => resize(x, { ...values, recomputeScaleFactor: null, antialias: false }),
);

function upsampleAs(name: string, mode: InterpolateMode, alignCorners: boolean | null) {
  return defineFunction<[size?: number | readonly number[] | null], UpsampleSizes, Required<UpsampleSizes>>(
    name,
    new Signature<Required<UpsampleSizes>>({ size, scaleFactor }, ['size']),
    (x, values) => resize(x, { ...values, mode, alignCorners, recomputeScaleFactor: null, antialias: false }),
  );
}

/** `interpolate` of mode `'nearest'`. */
export const upsampleNearest = upsampleAs('upsampleNearest', 'nearest', null);
/** `interpolate` of mode `'bilinear'` with aligned corners. */
export const upsampleBilinear = upsampleAs('upsampleBilinear', 'bilinear', true);
