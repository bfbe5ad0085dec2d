/** Convolutions. They take batches (N, C, ...) and single maps (C, ...); weights start as PyTorch draws them. */
import { checkPositions } from '../../options.ts';
import { empty, ops, type Tensor } from '../../tensor/index.ts';
import { temporaries } from '../../tensor/scope.ts';
import {
  type Argument,
  type Arguments,
  type Call,
  checkTensor,
  choice,
  flag,
  named,
  refuse,
  Signature,
  whole,
} from '../arguments.ts';
import { applyConv, applyConvTranspose, convPadding } from '../functional/convolution.ts';
import * as init from '../init/init.ts';
import { Module } from '../module/module.ts';
import { Parameter } from '../module/parameter.ts';
import { pythonRepr } from '../module/repr.ts';
import { type Dims, type Size, type Tuple, tuple, tuples } from '../sizes.ts';
import { PLACE_ARGUMENTS, type PlaceOptions, type PlaceValues, tensorOptions } from './place.ts';

const PADDING_MODES = ['zeros', 'reflect', 'replicate', 'circular'] as const;

/** How the border of the input is filled. */
export type PaddingMode = (typeof PADDING_MODES)[number];

/** Options of Conv1d to Conv3d. */
export interface ConvOptions<D extends Dims> extends PlaceOptions {
  /** Default 1. */
  stride?: Size<D>;
  /** Default 0. `'same'` keeps the size (stride 1 only), `'valid'` is 0. */
  padding?: Size<D> | 'same' | 'valid';
  /** Default 1. */
  dilation?: Size<D>;
  /** Default 1; divides both channel counts. */
  groups?: number;
  /** Default true. */
  bias?: boolean;
  /** Default `'zeros'`. */
  paddingMode?: PaddingMode;
}

/** Options of Conv1d. */
export type Conv1dOptions = ConvOptions<1>;
/** Options of Conv2d. */
export type Conv2dOptions = ConvOptions<2>;
/** Options of Conv3d. */
export type Conv3dOptions = ConvOptions<3>;

/** Options of ConvTranspose1d to ConvTranspose3d. */
export interface ConvTransposeOptions<D extends Dims> extends PlaceOptions {
  /** Default 1. */
  stride?: Size<D>;
  /** Taken off the output at both sides. Default 0. */
  padding?: Size<D>;
  /** Added to the output at one side; below stride or dilation. Default 0. */
  outputPadding?: Size<D>;
  /** Default 1; divides both channel counts. */
  groups?: number;
  /** Default true. */
  bias?: boolean;
  /** Default 1. */
  dilation?: Size<D>;
  /** Only `'zeros'`. */
  paddingMode?: 'zeros';
}

interface Values<D extends Dims> extends PlaceValues {
  inChannels: number;
  outChannels: number;
  kernelSize: Tuple<D>;
  stride: Tuple<D>;
  padding: Tuple<D> | 'same' | 'valid';
  outputPadding: Tuple<D>;
  dilation: Tuple<D>;
  groups: number;
  bias: boolean;
  paddingMode: PaddingMode;
}

const CHANNELS = { inChannels: whole(1), outChannels: whole(1) };
const GROUPS = { groups: named(whole(1, 1)), bias: flag(true) };

function convArguments<D extends Dims>(dims: D): Arguments<Omit<Values<D>, 'outputPadding'>> {
  return {
    ...CHANNELS,
    kernelSize: tuples(dims, 1),
    stride: named(tuples(dims, 1, 1)),
    padding: named(convPadding(dims)),
    dilation: named(tuples(dims, 1, 1)),
    ...GROUPS,
    paddingMode: named(choice<PaddingMode>(PADDING_MODES, 'zeros')),
    ...PLACE_ARGUMENTS,
  };
}

function transposedArguments<D extends Dims>(dims: D): Arguments<Values<D>> {
  return {
    ...CHANNELS,
    kernelSize: tuples(dims, 1),
    stride: named(tuples(dims, 1, 1)),
    padding: named(tuples(dims, 0, 0) as Argument<Values<D>['padding']>),
    outputPadding: named(tuples(dims, 0, 0)),
    ...GROUPS,
    dilation: named(tuples(dims, 1, 1)),
    paddingMode: named(choice<PaddingMode>(['zeros'], 'zeros')),
    ...PLACE_ARGUMENTS,
  };
}

/** What convolutions and transposed ones share: parameters and printing. */
abstract class ConvBase<D extends Dims> extends Module {
  weight: Parameter;
  bias: Parameter | null;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: Tuple<D>;
  stride: Tuple<D>;
  padding: Tuple<D> | 'same' | 'valid';
  dilation: Tuple<D>;
  outputPadding: Tuple<D>;
  readonly groups: number;
  readonly paddingMode: PaddingMode;

  constructor(owner: string, values: Values<D>, weightShape: [number, number]) {
    super();
    checkTogether(owner, values);
    this.inChannels = values.inChannels;
    this.outChannels = values.outChannels;
    this.kernelSize = values.kernelSize;
    this.stride = values.stride;
    this.padding = values.padding;
    this.dilation = values.dilation;
    this.outputPadding = values.outputPadding;
    this.groups = values.groups;
    this.paddingMode = values.paddingMode;
    const place = tensorOptions(values);
    this.weight = new Parameter(empty([...weightShape, ...this.kernelSize], place));
    this.bias = values.bias ? new Parameter(empty([values.outChannels], place)) : null;
    this.resetParameters();
  }

  /** Draws the weights anew. */
  resetParameters(): void {
    init.kaimingUniform_(this.weight, { a: Math.sqrt(5) });
    if (this.bias === null) return;
    const [fanIn] = init.calculateFanInAndFanOut(this.weight);
    if (fanIn === 0) return;
    const bound = 1 / Math.sqrt(fanIn);
    init.uniform_(this.bias, -bound, bound);
  }

  override extraRepr(): string {
    const { padding, dilation, outputPadding, groups, paddingMode } = this;
    const parts = [
      `${this.inChannels}, ${this.outChannels}`,
      `kernel_size=${pythonRepr(this.kernelSize)}`,
      `stride=${pythonRepr(this.stride)}`,
    ];
    const isNot = (size: readonly number[], usual: number): boolean => size.some((n) => n !== usual);
    if (typeof padding === 'string' || isNot(padding, 0)) parts.push(`padding=${pythonRepr(padding)}`);
    if (isNot(dilation, 1)) parts.push(`dilation=${pythonRepr(dilation)}`);
    if (isNot(outputPadding, 0)) parts.push(`output_padding=${pythonRepr(outputPadding)}`);
    if (groups !== 1) parts.push(`groups=${groups}`);
    if (this.bias === null) parts.push('bias=False');
    if (paddingMode !== 'zeros') parts.push(`padding_mode=${paddingMode}`);
    return parts.join(', ');
  }
}

function checkTogether<D extends Dims>(owner: string, values: Values<D>): void {
  const { groups, padding, stride } = values;
  for (const name of ['inChannels', 'outChannels'] as const) {
    if (values[name] % groups === 0) continue;
    throw new RangeError(
      `Expected ${owner} ${name} to be divisible by groups, got ${values[name]} and ${groups}`,
    );
  }
  if (padding === 'same' && stride.some((n) => n !== 1)) {
    throw new RangeError(`Expected stride 1 for ${owner} with padding "same", got ${pythonRepr(stride)}`);
  }
}

/** `x` with a border of another kind than zeros: sides from the last dimension to the first. */
function padded<D extends Dims>(
  { padding, dilation, kernelSize, paddingMode }: ConvBase<D>,
  x: Tensor,
): Tensor {
  const sides = kernelSize.map((size, dim): [number, number] => {
    if (padding === 'valid') return [0, 0];
    if (padding !== 'same') return [padding[dim] as number, padding[dim] as number];
    const total = (dilation[dim] as number) * (size - 1);
    return [Math.floor(total / 2), Math.ceil(total / 2)];
  });
  return ops.aten.pad(x, sides.reverse().flat(), paddingMode);
}

interface Conv<D extends Dims> extends ConvBase<D> {
  forward(x: Tensor): Tensor;
}

type Needed<D extends Dims> = [inChannels: number, outChannels: number, kernelSize: Size<D>];

/** The class of a convolution. */
type ConvClass<D extends Dims> = new (...given: Call<Needed<D>, ConvOptions<D>>) => Conv<D>;

/** The convolution of so many dimensions. */
function convLayer<D extends Dims>(dims: D): ConvClass<D> {
  const signature = new Signature<Omit<Values<D>, 'outputPadding'>>(convArguments(dims));
  const none = tuple(dims, 0);
  return class extends ConvBase<D> {
    constructor(...given: unknown[]) {
      const values = { ...signature.read(new.target.name, given), outputPadding: none } as Values<D>;
      super(new.target.name, values, [values.outChannels, values.inChannels / values.groups]);
    }

    forward(x: Tensor): Tensor {
      checkPositions(this.constructor.name, arguments, 1);
      if (this.paddingMode === 'zeros') return applyConv(dims, x, this.weight, this);
      const { weight, bias, stride, dilation, groups } = this;
      return temporaries(() =>
        applyConv(dims, padded(this, x), weight, { bias, stride, padding: none, dilation, groups }),
      );
    }
  };
}

/** 1-D convolution: (N, C, L) -> (N, out, L'). */
export class Conv1d extends convLayer(1) {}
/**
 * 2-D convolution: (N, C, H, W) -> (N, out, H', W'). Weights start from U(-1/sqrt(fan_in), 1/sqrt(fan_in)), drawn
 * as PyTorch draws them.
 *
 * @example
 * new nn.Conv2d(3, 64, 7, { stride: 2, padding: 3, bias: false });
 */
export class Conv2d extends convLayer(2) {}
/** 3-D convolution: (N, C, D, H, W) -> (N, out, D', H', W'). */
export class Conv3d extends convLayer(3) {}

/** What `outputPadding` gives the wanted spatial sizes (torch/nn/modules/conv.py `_output_padding`, 2.13). */
function paddingFor<D extends Dims>(
  owner: string,
  layer: ConvBase<D>,
  x: Tensor,
  wanted: readonly number[],
): Tuple<D> {
  checkTensor(owner, 'x', x);
  if (!Array.isArray(wanted)) refuse(owner, 'outputSize', 'an array of whole numbers', wanted, false);
  const { kernelSize, stride, padding, dilation } = layer;
  const dims = kernelSize.length;
  const input = x.shape;
  const least = kernelSize.map((size, i) => {
    const border = (padding as number[])[i] as number;
    const reach = (dilation[i] as number) * (size - 1) + 1;
    return ((input.at(i - dims) as number) - 1) * (stride[i] as number) - 2 * border + reach;
  });
  const spatial = wanted.length === input.length ? wanted.slice(-dims) : wanted;
  const extra = least.map((size, i) => (spatial[i] as number) - size);
  const fits = spatial.length === dims && extra.every((n, i) => n >= 0 && n < (stride[i] as number));
  if (fits) return extra as Tuple<D>;
  const ranges = least.map((size, i) => `${size} to ${size + (stride[i] as number) - 1}`);
  throw new RangeError(`Expected ${ranges.join(' x ')} for ${owner} outputSize, got [${wanted.join(', ')}]`);
}

interface ConvTranspose<D extends Dims> extends ConvBase<D> {
  /** @param outputSize The output's spatial sizes, or all of its sizes, where the stride leaves a choice. */
  forward(x: Tensor, outputSize?: readonly number[] | null): Tensor;
}

/** The class of a transposed convolution. */
type ConvTransposeClass<D extends Dims> = new (
  ...given: Call<Needed<D>, ConvTransposeOptions<D>>
) => ConvTranspose<D>;

/** The transposed convolution of so many dimensions. */
function transposedLayer<D extends Dims>(dims: D): ConvTransposeClass<D> {
  const signature = new Signature<Values<D>>(transposedArguments(dims));
  return class extends ConvBase<D> {
    constructor(...given: unknown[]) {
      const values = signature.read(new.target.name, given);
      super(new.target.name, values, [values.inChannels, values.outChannels / values.groups]);
    }

    forward(x: Tensor, outputSize: readonly number[] | null = null): Tensor {
      checkPositions(this.constructor.name, arguments, 2);
      const { weight, bias, stride, groups, dilation } = this;
      const outputPadding =
        outputSize === null ? this.outputPadding : paddingFor(this.constructor.name, this, x, outputSize);
      const padding = this.padding as Tuple<D>;
      return applyConvTranspose(dims, x, weight, { bias, stride, padding, outputPadding, groups, dilation });
    }
  };
}

/** Transposed 1-D convolution: (N, C, L) -> (N, out, L'). */
export class ConvTranspose1d extends transposedLayer(1) {}
/**
 * Transposed 2-D convolution: (N, C, H, W) -> (N, out, H', W').
 *
 * @example
 * new nn.ConvTranspose2d(64, 32, 4, { stride: 2, padding: 1 }); // twice the size
 */
export class ConvTranspose2d extends transposedLayer(2) {}
/** Transposed 3-D convolution: (N, C, D, H, W) -> (N, out, D', H', W'). */
export class ConvTranspose3d extends transposedLayer(3) {}
