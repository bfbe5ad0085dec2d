import { ops, type Tensor } from '../../tensor/index.ts';
import { temporaries } from '../../tensor/scope.ts';
import {
  type Argument,
  argument,
  type Call,
  checkTensor,
  dimension,
  flag,
  maybeTensor,
  named,
  optional,
  real,
  Signature,
  whole,
} from '../arguments.ts';
import { pythonRepr } from '../module/repr.ts';
import { checkBatchSize, checkEps, checkSpatialSize } from './batch-checks.ts';
import { defineFunction } from './define.ts';

/** Scale and shift of a normalisation; null leaves one out. */
export interface AffineOptions {
  weight?: Tensor | null;
  bias?: Tensor | null;
  /** Added to the variance. Default 1e-5. */
  eps?: number;
}

/** Statistics and affine parameters of a normalisation; null leaves one out. */
export interface NormOptions extends AffineOptions {
  runningMean?: Tensor | null;
  runningVar?: Tensor | null;
  /** Default 0.1. */
  momentum?: number;
}

type Statistics = [runningMean?: Tensor | null, runningVar?: Tensor | null];

const tensorOrNull = maybeTensor();
const AFFINE = { weight: tensorOrNull, bias: tensorOrNull, eps: named(real(1e-5)) };
const NORM = { runningMean: tensorOrNull, runningVar: tensorOrNull, ...AFFINE, momentum: named(real(0.1)) };

const BATCH_NORM = new Signature<Required<NormOptions> & { training: boolean }>(
  { ...NORM, training: flag() },
  ['runningMean', 'runningVar'],
);

/**
 * Batch normalisation over all dimensions but the second. With `training` the batch's own statistics are used and
 * the running ones updated.
 */
export function batchNorm(
  x: Tensor,
  ...given: Call<Statistics, NormOptions & { training?: boolean }>
): Tensor {
  checkTensor('batchNorm', 'x', x);
  const { runningMean, runningVar, weight, bias, training, momentum, eps } = BATCH_NORM.read(
    'batchNorm',
    given,
  );
  if (training) checkBatchSize(x.shape);
  checkEps('batchNorm', eps, training);
  return ops.aten.batch_norm(x, weight, bias, runningMean, runningVar, training, momentum, eps, true);
}

const INSTANCE_NORM = new Signature<Required<NormOptions> & { useInputStats: boolean }>(
  { ...NORM, useInputStats: flag(true) },
  ['runningMean', 'runningVar'],
);

/** Normalises each channel of each sample; `useInputStats: false` takes the running statistics instead. */
export function instanceNorm(
  x: Tensor,
  ...given: Call<Statistics, NormOptions & { useInputStats?: boolean }>
): Tensor {
  checkTensor('instanceNorm', 'x', x);
  const values = INSTANCE_NORM.read('instanceNorm', given);
  const { runningMean, runningVar, weight, bias, useInputStats, momentum, eps } = values;
  if (useInputStats) checkSpatialSize(x.shape);
  return ops.aten.instance_norm(x, weight, bias, runningMean, runningVar, useInputStats, momentum, eps, true);
}

/** Sizes of the last dimensions, given as one number or several. */
export function normalizedShapeArgument(): Argument<number[]> {
  const given = argument<number | readonly number[]>(
    undefined,
    'a whole number or an array of them',
    (value) => typeof value === 'number' || Array.isArray(value),
    (value) => [value].flat().every((size) => Number.isInteger(size) && (size as number) >= 0),
    pythonRepr,
  );
  return {
    fallback: undefined,
    byName: false,
    read: (owner, name, value) => [given.read(owner, name, value)].flat() as number[],
    print: pythonRepr,
  };
}

interface LayerNormValues extends Required<AffineOptions> {
  normalizedShape: number[];
}

/** Normalises over the last dimensions, whose sizes are `normalizedShape`. */
export const layerNorm = defineFunction<
  [normalizedShape: number | readonly number[]],
  AffineOptions,
  LayerNormValues
>('layerNorm', { normalizedShape: normalizedShapeArgument(), ...AFFINE }, (x, values) =>
  ops.aten.layer_norm(x, values.normalizedShape, values.weight, values.bias, values.eps),
);

/** Options of `rmsNorm`. */
export interface RMSNormFunctionOptions {
  weight?: Tensor | null;
  /** Added to the mean of squares. Default: the smallest step of the dtype. */
  eps?: number | null;
}

/** Divides by the root of the mean square over the last dimensions, whose sizes are `normalizedShape`. */
export const rmsNorm = defineFunction<
  [normalizedShape: number | readonly number[]],
  RMSNormFunctionOptions,
  Required<RMSNormFunctionOptions> & { normalizedShape: number[] }
>(
  'rmsNorm',
  { normalizedShape: normalizedShapeArgument(), weight: tensorOrNull, eps: named(optional(real())) },
  (x, { normalizedShape, weight, eps }) => ops.aten.rms_norm(x, normalizedShape, weight, eps),
);

/** Normalises the channels of each sample in `numGroups` groups: (N, C, ...). */
export const groupNorm = defineFunction<
  [numGroups: number],
  AffineOptions,
  Required<AffineOptions> & { numGroups: number }
>('groupNorm', { numGroups: whole(1), ...AFFINE }, (x, { numGroups, weight, bias, eps }) => {
  const [batch = 0, channels = 0, ...spatial] = x.shape;
  if (x.dim() < 2) throw new RangeError(`Expected 2 or more dimensions for groupNorm, got ${x.dim()}`);
  checkBatchSize([Math.floor((batch * channels) / numGroups), numGroups, ...spatial]);
  return ops.aten.group_norm(x, numGroups, weight, bias, eps, true);
});

/** Options of `localResponseNorm`. */
export interface LocalResponseNormOptions {
  /** Weight of the mean of squares. Default 1e-4. */
  alpha?: number;
  /** Power of the divisor. Default 0.75. */
  beta?: number;
  /** Added to the mean. Default 1. */
  k?: number;
}

type Response = Required<LocalResponseNormOptions> & { size: number };

/** Means of `size` neighbouring channels, with zeros beyond the first and last. */
function channelMeans(x: Tensor, size: number): Tensor {
  const [batch = 1, channels = 1, ...spatial] = x.shape;
  const positions = spatial.reduce((product, length) => product * length, 1);
  const rows = x.reshape([batch, 1, channels, positions]);
  const padded = ops.aten.pad(rows, [0, 0, Math.floor(size / 2), Math.floor((size - 1) / 2)]);
  return ops.aten.avg_pool2d(padded, [size, 1], 1).reshape(x.shape);
}

/** Divides by a power of the mean square of `size` neighbouring channels (torch/nn/functional.py, 2.13). */
export const localResponseNorm = defineFunction<[size: number], LocalResponseNormOptions, Response>(
  'localResponseNorm',
  { size: whole(1), alpha: named(real(1e-4)), beta: named(real(0.75)), k: named(real(1)) },
  (x, { size, alpha, beta, k }) => {
    if (x.dim() < 3) {
      throw new RangeError(`Expected 3 or more dimensions for localResponseNorm, got ${x.dim()}`);
    }
    if (x.numel() === 0) return x;
    return temporaries(() => x.div(channelMeans(x.mul(x), size).mul(alpha).add(k).pow(beta)));
  },
);

/** Options of `normalize`. */
export interface NormalizeOptions {
  /** Which norm. Default 2. */
  p?: number;
  /** Default 1. */
  dim?: number;
  /** The least norm that is divided by. Default 1e-12. */
  eps?: number;
}

/** `x` divided by its p-norm along `dim`. */
export const normalize = defineFunction<
  [p?: number, dim?: number],
  NormalizeOptions,
  Required<NormalizeOptions>
>('normalize', { p: real(2), dim: dimension(1), eps: named(real(1e-12)) }, (x, { p, dim, eps }) =>
  temporaries(() => x.div(ops.aten.norm.ScalarOpt_dim(x, p, [dim], true).clampMin(eps))),
);
