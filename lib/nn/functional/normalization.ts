import { checkOptions } from '../../options.ts';
import { ops, type Tensor } from '../../tensor/index.ts';
import { checkBatchSize, checkSpatialSize } from './batch-checks.ts';

/** Statistics and affine parameters of a normalisation; null leaves one out. */
export interface NormOptions {
  runningMean?: Tensor | null;
  runningVar?: Tensor | null;
  weight?: Tensor | null;
  bias?: Tensor | null;
  /** Default 0.1. */
  momentum?: number;
  /** Default 1e-5. */
  eps?: number;
}

const NORM_OPTIONS = ['runningMean', 'runningVar', 'weight', 'bias', 'momentum', 'eps'];

/**
 * Batch normalisation over all dimensions but the second. With `training` the batch's own statistics are used and
 * the running ones updated.
 */
export function batchNorm(x: Tensor, options: NormOptions & { training?: boolean } = {}): Tensor {
  checkOptions('batchNorm', options, [...NORM_OPTIONS, 'training']);
  const { runningMean = null, runningVar = null, weight = null, bias = null } = options;
  const { training = false, momentum = 0.1, eps = 1e-5 } = options;
  if (training) checkBatchSize(x.shape);
  return ops.aten.batch_norm(x, weight, bias, runningMean, runningVar, training, momentum, eps, true);
}

/** Normalises each channel of each sample; `useInputStats: false` takes the running statistics instead. */
export function instanceNorm(x: Tensor, options: NormOptions & { useInputStats?: boolean } = {}): Tensor {
  checkOptions('instanceNorm', options, [...NORM_OPTIONS, 'useInputStats']);
  const { runningMean = null, runningVar = null, weight = null, bias = null } = options;
  const { useInputStats = true, momentum = 0.1, eps = 1e-5 } = options;
  if (useInputStats) checkSpatialSize(x.shape);
  return ops.aten.instance_norm(x, weight, bias, runningMean, runningVar, useInputStats, momentum, eps, true);
}

/** `x` divided by its p-norm along `dim` (default 1). */
export function normalize(x: Tensor, options: { p?: number; dim?: number; eps?: number } = {}): Tensor {
  checkOptions('normalize', options, ['p', 'dim', 'eps']);
  const { p = 2, dim = 1, eps = 1e-12 } = options;
  return x.div(ops.aten.norm.ScalarOpt_dim(x, p, [dim], true).clampMin(eps));
}
