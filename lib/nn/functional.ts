import { checkOptions } from '../options.ts';
import { ops, type Tensor } from '../tensor/index.ts';
import { torchSize } from './module/repr.ts';
import { adaptiveSize, type OutputSize, pair, type Reduction, reductionCode, type Size2 } from './sizes.ts';

export type { OutputSize, Reduction, Size2 };

/** Options of `conv2d`, as those of the layer. */
export interface Conv2dFunctionOptions {
  stride?: Size2;
  padding?: Size2 | 'same' | 'valid';
  dilation?: Size2;
  groups?: number;
}

/** 2-D convolution of (N, C, H, W) with a weight (out, C / groups, kH, kW). */
export function conv2d(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null = null,
  options: Conv2dFunctionOptions = {},
): Tensor {
  checkOptions('conv2d', options, ['stride', 'padding', 'dilation', 'groups']);
  const { stride = 1, padding = 0, dilation = 1, groups = 1 } = options;
  if (typeof padding === 'string') {
    return ops.aten.conv2d.padding(x, weight, bias, pair(stride), padding, pair(dilation), groups);
  }
  return ops.aten.conv2d(x, weight, bias, pair(stride), pair(padding), pair(dilation), groups);
}

/** `x` times the transpose of `weight` (out, in), plus `bias`. */
export function linear(x: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor {
  return ops.aten.linear(x, weight, bias);
}

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

/** One value per channel has no variance to train on. */
export function checkBatchSize(shape: readonly number[]): void {
  if (shape.reduce((product, size, dim) => (dim === 1 ? product : product * size), 1) !== 1) return;
  throw new RangeError(
    `Expected more than 1 value per channel when training, got input size ${torchSize(shape)}`,
  );
}

/** A 1x1 map has no variance within the sample. */
export function checkSpatialSize(shape: readonly number[]): void {
  if (shape.slice(2).reduce((product, size) => product * size, 1) !== 1) return;
  throw new RangeError(
    `Expected more than 1 spatial element when training, got input size ${torchSize(shape)}`,
  );
}

/** max(x, 0). */
export function relu(x: Tensor, options: { inplace?: boolean } = {}): Tensor {
  checkOptions('relu', options, ['inplace']);
  return options.inplace ? ops.aten.relu_(x) : ops.aten.relu(x);
}

/** 1 / (1 + exp(-x)). */
export function sigmoid(x: Tensor): Tensor {
  return ops.aten.sigmoid(x);
}

/** Softmax along `dim`. */
export function softmax(x: Tensor, dim: number): Tensor {
  return ops.aten.softmax(x, dim);
}

/** Logarithm of the softmax along `dim`. */
export function logSoftmax(x: Tensor, dim: number): Tensor {
  return ops.aten.log_softmax(x, dim);
}

/** Window of a pooling function. */
export interface PoolOptions {
  /** Default: the kernel size. */
  stride?: Size2;
  padding?: Size2;
  ceilMode?: boolean;
}

/** Largest value of each window. */
export function maxPool2d(
  x: Tensor,
  kernelSize: Size2,
  options: PoolOptions & { dilation?: Size2 } = {},
): Tensor {
  checkOptions('maxPool2d', options, ['stride', 'padding', 'dilation', 'ceilMode']);
  const { stride = kernelSize, padding = 0, dilation = 1, ceilMode = false } = options;
  return ops.aten.max_pool2d(x, pair(kernelSize), pair(stride), pair(padding), pair(dilation), ceilMode);
}

/** Mean of each window. */
export function avgPool2d(
  x: Tensor,
  kernelSize: Size2,
  options: PoolOptions & { countIncludePad?: boolean; divisorOverride?: number | null } = {},
): Tensor {
  checkOptions('avgPool2d', options, ['stride', 'padding', 'ceilMode', 'countIncludePad', 'divisorOverride']);
  const { stride = kernelSize, padding = 0, ceilMode = false, countIncludePad = true } = options;
  const divisor = options.divisorOverride ?? null;
  return ops.aten.avg_pool2d(
    x,
    pair(kernelSize),
    pair(stride),
    pair(padding),
    ceilMode,
    countIncludePad,
    divisor,
  );
}

/** Means over a grid of the given size; null keeps the input's size. */
export function adaptiveAvgPool2d(x: Tensor, outputSize: OutputSize): Tensor {
  return ops.aten.adaptive_avg_pool2d(x, adaptiveSize(x, outputSize));
}

/** Largest values over a grid of the given size; null keeps the input's size. */
export function adaptiveMaxPool2d(x: Tensor, outputSize: OutputSize): Tensor {
  return ops.aten.adaptive_max_pool2d(x, adaptiveSize(x, outputSize))[0];
}

/** Sets each element to zero with probability `p` (default 0.5) and scales the rest, in training only. */
export function dropout(
  x: Tensor,
  options: { p?: number; training?: boolean; inplace?: boolean } = {},
): Tensor {
  checkOptions('dropout', options, ['p', 'training', 'inplace']);
  const { p = 0.5, training = true, inplace = false } = options;
  if (!(p >= 0 && p <= 1)) throw new RangeError(`Expected a probability from 0 to 1 for dropout, got ${p}`);
  if (!training) return x;
  return inplace ? ops.aten.dropout_(x, p, true) : ops.aten.dropout(x, p, true);
}

/** Options of the cross-entropy loss. */
export interface CrossEntropyOptions {
  /** A factor per class (C). */
  weight?: Tensor | null;
  /** Targets with this class are left out. Default -100. */
  ignoreIndex?: number;
  /** Default `'mean'`. */
  reduction?: Reduction;
  /** From 0 (default) to 1. */
  labelSmoothing?: number;
}

/**
 * Cross-entropy between logits (N, C, ...) and targets: class numbers, int64 (N, ...), or probabilities (N, C, ...).
 *
 * @example
 * nn.functional.crossEntropy(logits, tensor([3, 1], { dtype: 'int64' })).backward();
 */
export function crossEntropy(x: Tensor, target: Tensor, options: CrossEntropyOptions = {}): Tensor {
  checkOptions('crossEntropy', options, ['weight', 'ignoreIndex', 'reduction', 'labelSmoothing']);
  const { weight = null, ignoreIndex = -100, reduction = 'mean', labelSmoothing = 0 } = options;
  const code = reductionCode('crossEntropy', reduction);
  return ops.aten.cross_entropy_loss(x, target, weight, code, ignoreIndex, labelSmoothing);
}

/** Padding modes of `pad`. */
export type PadMode = 'constant' | 'reflect' | 'replicate' | 'circular';

/** Pads the last dimensions: `[left, right, top, bottom, ...]`. */
export function pad(
  x: Tensor,
  padding: readonly number[],
  mode: PadMode = 'constant',
  value?: number,
): Tensor {
  return ops.aten.pad(x, [...padding], mode, value ?? null);
}

/** `x` divided by its p-norm along `dim` (default 1). */
export function normalize(x: Tensor, options: { p?: number; dim?: number; eps?: number } = {}): Tensor {
  checkOptions('normalize', options, ['p', 'dim', 'eps']);
  const { p = 2, dim = 1, eps = 1e-12 } = options;
  return x.div(ops.aten.norm.ScalarOpt_dim(x, p, [dim], true).clampMin(eps));
}

/** Options of `interpolate`; give either `size` or `scaleFactor`. */
export interface InterpolateOptions {
  size?: Size2;
  scaleFactor?: Size2;
  /** Default `'nearest'`. */
  mode?: 'nearest' | 'bilinear' | 'bicubic';
  /** Align the corner pixels instead of the image borders. Default false. */
  alignCorners?: boolean;
  /** Filter when shrinking, as Pillow does; bilinear and bicubic only. Default false. */
  antialias?: boolean;
}

/** Resizes (N, C, H, W). */
export function interpolate(x: Tensor, options: InterpolateOptions): Tensor {
  checkOptions('interpolate', options, ['size', 'scaleFactor', 'mode', 'alignCorners', 'antialias']);
  const { size, scaleFactor, mode = 'nearest', alignCorners = false, antialias = false } = options;
  if ((size === undefined) === (scaleFactor === undefined)) {
    const got = size === undefined ? 'neither' : 'both';
    throw new RangeError(`Expected either size or scaleFactor for interpolate, got ${got}`);
  }
  const target = size === undefined ? null : pair(size);
  const scale = scaleFactor === undefined ? null : pair(scaleFactor);
  if (mode === 'nearest') return ops.aten.upsample_nearest2d.vec(x, target, scale);
  if (mode === 'bilinear') {
    const op = antialias ? ops.aten._upsample_bilinear2d_aa : ops.aten.upsample_bilinear2d;
    return op.vec(x, target, alignCorners, scale);
  }
  if (mode === 'bicubic') {
    const op = antialias ? ops.aten._upsample_bicubic2d_aa : ops.aten.upsample_bicubic2d;
    return op.vec(x, target, alignCorners, scale);
  }
  throw new RangeError(`Expected mode "nearest", "bilinear" or "bicubic" for interpolate, got "${mode}"`);
}
