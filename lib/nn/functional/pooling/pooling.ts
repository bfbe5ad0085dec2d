import { ops, type Tensor } from '../../../tensor/index.ts';
import {
  type Arguments,
  checkTensor,
  flag,
  named,
  optional,
  Signature,
  sameAs,
  whole,
} from '../../arguments.ts';
import {
  adaptiveSize,
  type Dims,
  type OutputSizes,
  outputSizes,
  type Size,
  sizes,
  tuple,
} from '../../sizes.ts';
import { defineFunction } from '../define.ts';

/** Values alone, or with `returnIndices: true` the places of the largest in their maps beside them, int64. */
export type Pooled<R extends boolean> = R extends true ? [values: Tensor, indices: Tensor] : Tensor;

/** Options of max pooling. */
export interface MaxPoolOptions<D extends Dims, R extends boolean = boolean> {
  /** Default: the kernel size. */
  stride?: Size<D> | null;
  /** Default 0; at most half the kernel size. */
  padding?: Size<D>;
  /** Default 1. */
  dilation?: Size<D>;
  /** Round the output size up instead of down. Default false. */
  ceilMode?: boolean;
  /** Give the places of the largest values too, for MaxUnpool. Default false. */
  returnIndices?: R;
}

/** Arguments of max pooling with their values. */
export interface MaxPoolValues<D extends Dims> {
  kernelSize: Size<D>;
  stride: Size<D>;
  padding: Size<D>;
  dilation: Size<D>;
  ceilMode: boolean;
  returnIndices: boolean;
}

/** An op that one name stands for, of a table that is made before libtorch is loaded. */
type Op<R = Tensor> = (...args: unknown[]) => R;
const opNamed = <R = Tensor>(name: string): Op<R> =>
  (ops.aten as unknown as Record<string, Op<R>>)[name] as Op<R>;

/** Arguments of max pooling of so many dimensions. */
export function maxPoolArguments<D extends Dims>(dims: D): Arguments<MaxPoolValues<D>> {
  return {
    kernelSize: sizes(dims, 1),
    stride: sameAs('kernelSize', sizes(dims, 1)),
    padding: named(sizes(dims, 0, 0)),
    dilation: named(sizes(dims, 1, 1)),
    ceilMode: flag(),
    returnIndices: flag(),
  };
}

/** Max pooling of so many dimensions. */
export function applyMaxPool<D extends Dims>(
  dims: D,
  x: Tensor,
  { kernelSize, stride, padding, dilation, ceilMode, returnIndices }: MaxPoolValues<D>,
): Tensor | [Tensor, Tensor] {
  const op = opNamed<Tensor | [Tensor, Tensor]>(`max_pool${dims}d${returnIndices ? '_with_indices' : ''}`);
  const window = [kernelSize, stride, padding, dilation].map((size) => tuple(dims, size));
  return op(x, ...window, ceilMode);
}

type MaxPoolFunction<D extends Dims> = <R extends boolean = false>(
  x: Tensor,
  kernelSize: Size<D>,
  options?: MaxPoolOptions<D, R>,
) => Pooled<R>;

function maxPool<D extends Dims>(dims: D): MaxPoolFunction<D> {
  const signature = new Signature<MaxPoolValues<D>>(maxPoolArguments(dims));
  const call = (x: Tensor, ...given: unknown[]) =>
    applyMaxPool(dims, x, signature.read(`maxPool${dims}d`, given));
  return call as MaxPoolFunction<D>;
}

function maxPoolWithIndices<D extends Dims>(dims: D) {
  const { returnIndices: _, ...list } = maxPoolArguments(dims);
  const signature = new Signature<Omit<MaxPoolValues<D>, 'returnIndices'>>(list as never);
  return (
    x: Tensor,
    kernelSize: Size<D>,
    options: Omit<MaxPoolOptions<D>, 'returnIndices'> = {},
  ): [values: Tensor, indices: Tensor] => {
    const values = signature.read(`maxPool${dims}dWithIndices`, [kernelSize, options]);
    return applyMaxPool(dims, x, { ...values, returnIndices: true } as MaxPoolValues<D>) as [Tensor, Tensor];
  };
}

/** Largest value of each window: (N, C, L) or (C, L). */
export const maxPool1d = maxPool(1);
/** Largest value of each window: (N, C, H, W) or (C, H, W). */
export const maxPool2d = maxPool(2);
/** Largest value of each window: (N, C, D, H, W) or (C, D, H, W). */
export const maxPool3d = maxPool(3);
/** The same with the places of the values. */
export const maxPool1dWithIndices = maxPoolWithIndices(1);
/** The same with the places of the values. */
export const maxPool2dWithIndices = maxPoolWithIndices(2);
/** The same with the places of the values. */
export const maxPool3dWithIndices = maxPoolWithIndices(3);

/** Options of average pooling. */
export interface AvgPoolOptions<D extends Dims> {
  /** Default: the kernel size. */
  stride?: Size<D> | null;
  /** Default 0. */
  padding?: Size<D>;
  /** Round the output size up instead of down. Default false. */
  ceilMode?: boolean;
  /** Count padding zeros in the mean. Default true. */
  countIncludePad?: boolean;
}

/** Options of average pooling of two and three dimensions. */
export interface AvgPoolNdOptions<D extends Dims> extends AvgPoolOptions<D> {
  /** Divide by this instead of the number of elements. */
  divisorOverride?: number | null;
}

/** Arguments of average pooling with their values. */
export interface AvgPoolValues<D extends Dims> {
  kernelSize: Size<D>;
  stride: Size<D>;
  padding: Size<D>;
  ceilMode: boolean;
  countIncludePad: boolean;
}

function avgPoolArguments<D extends Dims>(dims: D): Arguments<AvgPoolValues<D>> {
  return {
    kernelSize: sizes(dims, 1),
    stride: sameAs('kernelSize', sizes(dims, 1)),
    padding: named(sizes(dims, 0, 0)),
    ceilMode: flag(),
    countIncludePad: flag(true),
  };
}

type Divided<D extends Dims> = AvgPoolValues<D> & { divisorOverride: number | null };

function averages<D extends Dims>(dims: D, x: Tensor, values: AvgPoolValues<D>, rest: unknown[]): Tensor {
  const { kernelSize, stride, padding, ceilMode, countIncludePad } = values;
  const window = [kernelSize, stride, padding].map((size) => tuple(dims, size));
  return opNamed(`avg_pool${dims}d`)(x, ...window, ceilMode, countIncludePad, ...rest);
}

/** Mean of each window: (N, C, L) or (C, L). */
export const avgPool1d = defineFunction<[kernelSize: Size<1>], AvgPoolOptions<1>, AvgPoolValues<1>>(
  'avgPool1d',
  avgPoolArguments(1),
  (x, values) => averages(1, x, values, []),
);

function avgPool<D extends 2 | 3>(dims: D) {
  return defineFunction<[kernelSize: Size<D>], AvgPoolNdOptions<D>, Divided<D>>(
    `avgPool${dims}d`,
    { ...avgPoolArguments(dims), divisorOverride: optional(whole(1)) } as Arguments<Divided<D>>,
    (x, values) => averages(dims, x, values, [values.divisorOverride]),
  );
}

/** Mean of each window: (N, C, H, W) or (C, H, W). */
export const avgPool2d = avgPool(2);
/** Mean of each window: (N, C, D, H, W) or (C, D, H, W). */
export const avgPool3d = avgPool(3);

function adaptiveAvgPool<D extends Dims>(dims: D) {
  return defineFunction<[outputSize: OutputSizes<D>], object, { outputSize: OutputSizes<D> }>(
    `adaptiveAvgPool${dims}d`,
    { outputSize: outputSizes(dims) },
    (x, { outputSize }) => opNamed(`adaptive_avg_pool${dims}d`)(x, adaptiveSize(dims, x, outputSize)),
  );
}

/** Means over a grid of the given size, (N, C, L) or (C, L); null keeps the input's size. */
export const adaptiveAvgPool1d = adaptiveAvgPool(1);
/** Means over a grid of the given size, (N, C, H, W) or (C, H, W); null keeps the input's size. */
export const adaptiveAvgPool2d = adaptiveAvgPool(2);
/** Means over a grid of the given size, (N, C, D, H, W) or (C, D, H, W); null keeps the input's size. */
export const adaptiveAvgPool3d = adaptiveAvgPool(3);

/** Arguments of adaptive max pooling with their values. */
export interface AdaptiveMaxPoolValues<D extends Dims> {
  outputSize: OutputSizes<D>;
  returnIndices: boolean;
}

/** Adaptive max pooling of so many dimensions. */
export function applyAdaptiveMaxPool<D extends Dims>(
  dims: D,
  x: Tensor,
  { outputSize, returnIndices }: AdaptiveMaxPoolValues<D>,
): Tensor | [Tensor, Tensor] {
  checkTensor(`adaptiveMaxPool${dims}d`, 'x', x);
  const op = opNamed<[Tensor, Tensor]>(`adaptive_max_pool${dims}d`);
  const [values, indices] = op(x, adaptiveSize(dims, x, outputSize));
  if (returnIndices) return [values, indices];
  indices.dispose();
  return values;
}

type AdaptiveMaxPoolFunction<D extends Dims> = <R extends boolean = false>(
  x: Tensor,
  outputSize: OutputSizes<D>,
  options?: { returnIndices?: R },
) => Pooled<R>;

function adaptiveMaxPool<D extends Dims>(dims: D): AdaptiveMaxPoolFunction<D> {
  const signature = new Signature<AdaptiveMaxPoolValues<D>>({
    outputSize: outputSizes(dims),
    returnIndices: flag(),
  } as Arguments<AdaptiveMaxPoolValues<D>>);
  const call = (x: Tensor, ...given: unknown[]) =>
    applyAdaptiveMaxPool(dims, x, signature.read(`adaptiveMaxPool${dims}d`, given));
  return call as AdaptiveMaxPoolFunction<D>;
}

function adaptiveWithIndices<D extends Dims>(dims: D) {
  const owner = `adaptiveMaxPool${dims}dWithIndices`;
  const signature = new Signature<{ outputSize: OutputSizes<D> }>({ outputSize: outputSizes(dims) });
  return (x: Tensor, ...given: [outputSize: OutputSizes<D>]): [values: Tensor, indices: Tensor] => {
    const { outputSize } = signature.read(owner, given);
    return applyAdaptiveMaxPool(dims, x, { outputSize, returnIndices: true }) as [Tensor, Tensor];
  };
}

/** Largest values over a grid of the given size, (N, C, L) or (C, L); null keeps the input's size. */
export const adaptiveMaxPool1d = adaptiveMaxPool(1);
/** Largest values over a grid of the given size, (N, C, H, W) or (C, H, W); null keeps the input's size. */
export const adaptiveMaxPool2d = adaptiveMaxPool(2);
/** Largest values over a grid of the given size, (N, C, D, H, W) or (C, D, H, W); null keeps the input's size. */
export const adaptiveMaxPool3d = adaptiveMaxPool(3);
/** The same with the places of the values. */
export const adaptiveMaxPool1dWithIndices = adaptiveWithIndices(1);
/** The same with the places of the values. */
export const adaptiveMaxPool2dWithIndices = adaptiveWithIndices(2);
/** The same with the places of the values. */
export const adaptiveMaxPool3dWithIndices = adaptiveWithIndices(3);
