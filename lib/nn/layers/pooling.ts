/** Pooling layers. They take batches (N, C, ...) and single maps (C, ...). */
import { checkPositions } from '../../options.ts';
import type { Tensor } from '../../tensor/index.ts';
import { flag, Signature } from '../arguments.ts';
import { type LPPoolValues, lpPool1d, lpPool2d, lpPool3d } from '../functional/pooling/lp.ts';
import * as F from '../functional/pooling/pooling.ts';
import * as U from '../functional/pooling/unpooling.ts';
import { Module } from '../module/module.ts';
import { type Dims, type OutputSizes, outputSizes, type Size } from '../sizes.ts';
import { defineLayer, type Layer, layerOf } from './define.ts';

type Max<D extends Dims> = F.MaxPoolValues<D>;

/** A layer whose `returnIndices` says what it gives. */
interface MaxPoolClass<D extends Dims> {
  new <R extends boolean = false>(
    kernelSize: Size<D>,
    options?: F.MaxPoolOptions<D, R>,
  ): Layer<[x: Tensor], F.Pooled<R>> & Max<D>;
}

function maxPoolLayer<D extends Dims>(dims: D): MaxPoolClass<D> {
  return defineLayer<[kernelSize: Size<D>], F.MaxPoolOptions<D>, Max<D>, [x: Tensor], unknown>(
    F.maxPoolArguments(dims),
    (layer, x) => F.applyMaxPool(dims, x, layer),
    (values, signature) =>
      signature.print(values, ['kernelSize', 'stride', 'padding', 'dilation', 'ceilMode']),
  ) as unknown as MaxPoolClass<D>;
}

const MaxPool1dBase = maxPoolLayer(1);
const MaxPool2dBase = maxPoolLayer(2);
const MaxPool3dBase = maxPoolLayer(3);

/** Largest value of each window: (N, C, L) -> (N, C, L'). */
export class MaxPool1d<R extends boolean = false> extends MaxPool1dBase<R> {}
/**
 * Largest value of each window: (N, C, H, W) -> (N, C, H', W').
 *
 * @example
 * new nn.MaxPool2d(3, { stride: 2, padding: 1 });
 */
export class MaxPool2d<R extends boolean = false> extends MaxPool2dBase<R> {}
/** Largest value of each window: (N, C, D, H, W) -> (N, C, D', H', W'). */
export class MaxPool3d<R extends boolean = false> extends MaxPool3dBase<R> {}

const printWindow = <D extends Dims>(values: F.AvgPoolValues<D>, signature: Signature<F.AvgPoolValues<D>>) =>
  signature.print(values, ['kernelSize', 'stride', 'padding']);

/** Mean of each window: (N, C, L) -> (N, C, L'). */
export class AvgPool1d extends layerOf(F.avgPool1d, (values, signature) => {
  const names = ['kernelSize', 'stride', 'padding'] as const;
  const window = Object.fromEntries(names.map((name) => [name, [values[name]].flat()]));
  return signature.print({ ...values, ...window }, names);
}) {}
/** Mean of each window: (N, C, H, W) -> (N, C, H', W'). */
export class AvgPool2d extends layerOf(F.avgPool2d, printWindow as never) {}
/** Mean of each window: (N, C, D, H, W) -> (N, C, D', H', W'). */
export class AvgPool3d extends layerOf(F.avgPool3d, printWindow as never) {}

/** Means over a grid of the given size, whatever the input size; null keeps it: (N, C, L) -> (N, C, l). */
export class AdaptiveAvgPool1d extends layerOf(F.adaptiveAvgPool1d) {}
/**
 * Means over a grid of the given size, whatever the input size; null keeps it: (N, C, H, W) -> (N, C, h, w).
 *
 * @example
 * new nn.AdaptiveAvgPool2d(1); // global average pooling
 */
export class AdaptiveAvgPool2d extends layerOf(F.adaptiveAvgPool2d) {}
/** Means over a grid of the given size, whatever the input size; null keeps it: (N, C, D, H, W) -> (N, C, d, h, w). */
export class AdaptiveAvgPool3d extends layerOf(F.adaptiveAvgPool3d) {}

interface AdaptiveMaxPoolClass<D extends Dims> {
  new <R extends boolean = false>(
    outputSize: OutputSizes<D>,
    options?: { returnIndices?: R },
  ): Layer<[x: Tensor], F.Pooled<R>> & F.AdaptiveMaxPoolValues<D>;
}

function adaptiveMaxPoolLayer<D extends Dims>(dims: D): AdaptiveMaxPoolClass<D> {
  type Values = F.AdaptiveMaxPoolValues<D>;
  return defineLayer<[outputSize: OutputSizes<D>], { returnIndices?: boolean }, Values, [x: Tensor], unknown>(
    new Signature<Values>({ outputSize: outputSizes(dims), returnIndices: flag() }),
    (layer, x) => F.applyAdaptiveMaxPool(dims, x, layer),
  ) as unknown as AdaptiveMaxPoolClass<D>;
}

const AdaptiveMaxPool1dBase = adaptiveMaxPoolLayer(1);
const AdaptiveMaxPool2dBase = adaptiveMaxPoolLayer(2);
const AdaptiveMaxPool3dBase = adaptiveMaxPoolLayer(3);

/** Largest values over a grid of the given size; null keeps it: (N, C, L) -> (N, C, l). */
export class AdaptiveMaxPool1d<R extends boolean = false> extends AdaptiveMaxPool1dBase<R> {}
/** Largest values over a grid of the given size; null keeps it: (N, C, H, W) -> (N, C, h, w). */
export class AdaptiveMaxPool2d<R extends boolean = false> extends AdaptiveMaxPool2dBase<R> {}
/** Largest values over a grid of the given size; null keeps it: (N, C, D, H, W) -> (N, C, d, h, w). */
export class AdaptiveMaxPool3d<R extends boolean = false> extends AdaptiveMaxPool3dBase<R> {}

const printPowers = <D extends Dims>(values: LPPoolValues<D>, signature: Signature<LPPoolValues<D>>) =>
  signature.print(values, ['normType', 'kernelSize', 'stride', 'ceilMode']);

/** `normType`-norm of each window: (N, C, L) -> (N, C, L'). */
export class LPPool1d extends layerOf(lpPool1d, printPowers) {}
/** `normType`-norm of each window: (N, C, H, W) -> (N, C, H', W'). */
export class LPPool2d extends layerOf(lpPool2d, printPowers) {}
/** `normType`-norm of each window: (N, C, D, H, W) -> (N, C, D', H', W'). */
export class LPPool3d extends layerOf(lpPool3d, printPowers) {}

type UnpoolInputs = [x: Tensor, indices: Tensor, outputSize?: readonly number[] | null];

function maxUnpoolLayer<D extends Dims>(dims: D) {
  return defineLayer<
    [kernelSize: Size<D>],
    U.MaxUnpoolOptions<D>,
    U.MaxUnpoolValues<D>,
    UnpoolInputs,
    Tensor
  >(
    U.maxUnpoolArguments(dims),
    (layer, x, indices, outputSize) => U.applyMaxUnpool(dims, x, indices, layer, outputSize ?? null),
    (values, signature) => signature.print(values, ['kernelSize', 'stride', 'padding']),
  );
}

/** Puts the values of MaxPool1d back at their places, zeros between. */
export class MaxUnpool1d extends maxUnpoolLayer(1) {}
/**
 * Puts the values of MaxPool2d back at their places, zeros between.
 *
 * @example
 * const [y, indices] = new nn.MaxPool2d(2, { returnIndices: true }).forward(x);
 * new nn.MaxUnpool2d(2).forward(y, indices, x.shape);
 */
export class MaxUnpool2d extends maxUnpoolLayer(2) {}
/** Puts the values of MaxPool3d back at their places, zeros between. */
export class MaxUnpool3d extends maxUnpoolLayer(3) {}

interface FractionalMaxPoolClass<D extends 2 | 3> {
  new <R extends boolean = false>(
    kernelSize: Size<D>,
    options: U.FractionalMaxPoolOptions<D, R>,
  ): Layer<[x: Tensor], F.Pooled<R>> & Fractional<D>;
}

type Fractional<D extends 2 | 3> = Omit<U.FractionalMaxPoolValues<D>, '_randomSamples'> & {
  _random_samples: Tensor | null;
};

/** The numbers that choose the windows are a buffer, where they are given. */
function fractionalLayer<D extends 2 | 3>(dims: D): FractionalMaxPoolClass<D> {
  const signature = new Signature<U.FractionalMaxPoolValues<D>>(U.fractionalArguments(dims));
  class FractionalMaxPool extends Module {
    constructor(...given: unknown[]) {
      super();
      const { _randomSamples, ...values } = signature.read(new.target.name, given);
      U.checkFraction(new.target.name, values as never);
      Object.assign(this, values);
      this.registerBuffer('_random_samples', _randomSamples);
    }

    forward(x: Tensor): unknown {
      checkPositions(this.constructor.name, arguments, 1);
      const { _random_samples, ...values } = this as unknown as Fractional<D>;
      return U.applyFractionalMaxPool(dims, x, { ...values, _randomSamples: _random_samples } as never);
    }
  }
  return FractionalMaxPool as unknown as FractionalMaxPoolClass<D>;
}

const FractionalMaxPool2dBase = fractionalLayer(2);
const FractionalMaxPool3dBase = fractionalLayer(3);

/**
 * Largest values of windows of drawn sizes and places: (N, C, H, W) -> (N, C, h, w).
 *
 * @example
 * new nn.FractionalMaxPool2d(3, { outputRatio: 0.5 });
 */
export class FractionalMaxPool2d<R extends boolean = false> extends FractionalMaxPool2dBase<R> {}
/** Largest values of windows of drawn sizes and places: (N, C, D, H, W) -> (N, C, d, h, w). */
export class FractionalMaxPool3d<R extends boolean = false> extends FractionalMaxPool3dBase<R> {}
