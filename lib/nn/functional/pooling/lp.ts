import type { Tensor } from '../../../tensor/index.ts';
import { temporaries } from '../../../tensor/scope.ts';
import { type Arguments, flag, named, optional, real } from '../../arguments.ts';
import { type Dims, type Size, sizes, tuple } from '../../sizes.ts';
import { defineFunction } from '../define.ts';
import { avgPool1d, avgPool2d, avgPool3d, maxPool1d, maxPool2d, maxPool3d } from './pooling.ts';

/** Options of power-average pooling. */
export interface LPPoolOptions<D extends Dims> {
  /** Default: the kernel size. */
  stride?: Size<D> | null;
  /** Round the output size up instead of down. Default false. */
  ceilMode?: boolean;
}

/** Arguments of power-average pooling with their values. */
export interface LPPoolValues<D extends Dims> {
  normType: number;
  kernelSize: Size<D>;
  stride: Size<D> | null;
  ceilMode: boolean;
}

type Pool = (x: Tensor, kernelSize: never, options: object) => Tensor;
const MAX = { 1: maxPool1d as Pool, 2: maxPool2d as Pool, 3: maxPool3d as Pool };
const AVG = { 1: avgPool1d as Pool, 2: avgPool2d as Pool, 3: avgPool3d as Pool };

/** As torch/nn/functional.py (2.13): the mean of powers, times the window's size, and the root of that. */
function powerAverage<D extends Dims>(dims: D, x: Tensor, values: LPPoolValues<D>): Tensor {
  const { normType, kernelSize, stride, ceilMode } = values;
  const pool = (table: typeof AVG, input: Tensor) =>
    table[dims](input, kernelSize as never, { stride, ceilMode });
  return temporaries(() => {
    if (normType === Number.POSITIVE_INFINITY) return pool(MAX, x.abs());
    if (normType === Number.NEGATIVE_INFINITY) return pool(MAX, x.abs().neg()).neg();
    const mean = pool(AVG, x.pow(normType));
    const count = tuple(dims, kernelSize).reduce((product: number, size) => product * size, 1);
    return mean
      .sign()
      .mul(mean.abs().relu())
      .mul(count)
      .pow(1 / normType);
  });
}

function lpPool<D extends Dims>(dims: D) {
  const list: Arguments<LPPoolValues<D>> = {
    normType: real(),
    kernelSize: sizes(dims, 1),
    stride: named(optional(sizes(dims, 1))),
    ceilMode: flag(),
  };
  return defineFunction<[normType: number, kernelSize: Size<D>], LPPoolOptions<D>, LPPoolValues<D>>(
    `lpPool${dims}d`,
    list,
    (x, values) => powerAverage(dims, x, values),
  );
}

/** `normType`-norm of each window: (N, C, L) or (C, L). */
export const lpPool1d = lpPool(1);
/** `normType`-norm of each window: (N, C, H, W) or (C, H, W). */
export const lpPool2d = lpPool(2);
/** `normType`-norm of each window: (N, C, D, H, W) or (C, D, H, W). */
export const lpPool3d = lpPool(3);
