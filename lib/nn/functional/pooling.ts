import { checkOptions } from '../../options.ts';
import { ops, type Tensor } from '../../tensor/index.ts';
import { adaptiveSize, type OutputSize, pair, type Size2 } from '../sizes.ts';

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
