import { ops, type Tensor } from '../../tensor/index.ts';
import {
  type Argument,
  type Arguments,
  argument,
  type Call,
  maybeTensor,
  named,
  Signature,
  whole,
} from '../arguments.ts';
import { pythonRepr } from '../module/repr.ts';
import { type Dims, type Size, type Size2, sizes, type Tuple, tuple, tuples } from '../sizes.ts';
import { defineFunction } from './define.ts';

/** Options of `conv1d` to `conv3d`, as those of the layers. */
export interface ConvFunctionOptions<D extends Dims> {
  /** Default 1. */
  stride?: Size<D>;
  /** Default 0. `'same'` keeps the size (stride 1 only), `'valid'` is 0. */
  padding?: Size<D> | 'same' | 'valid';
  /** Default 1. */
  dilation?: Size<D>;
  /** Default 1; divides both channel counts. */
  groups?: number;
}

/** The padding of a convolution: numbers or a word. */
export function convPadding<D extends Dims>(dims: D): Argument<Tuple<D> | 'same' | 'valid'> {
  const words = ['same', 'valid'];
  const given = argument<string>(
    undefined,
    '"same", "valid" or numbers',
    (value) => typeof value === 'string',
    (value) => words.includes(value),
    pythonRepr,
  );
  const numbers = tuples(dims, 0, 0);
  return {
    ...(numbers as Argument<Tuple<D> | 'same' | 'valid'>),
    byName: true,
    read: (owner, name, value) =>
      typeof value === 'string'
        ? (given.read(owner, name, value) as 'same' | 'valid')
        : numbers.read(owner, name, value),
  };
}

interface ConvValues<D extends Dims> {
  bias: Tensor | null;
  stride: Tuple<D>;
  padding: Tuple<D> | 'same' | 'valid';
  dilation: Tuple<D>;
  groups: number;
}

type ConvFunction<O> = (
  x: Tensor,
  weight: Tensor,
  ...given: Call<[bias?: Tensor | null], O & { bias?: Tensor | null }>
) => Tensor;
type ConvOp = { (...args: unknown[]): Tensor; padding: (...args: unknown[]) => Tensor };
const convOp = (name: string): ConvOp => (ops.aten as unknown as Record<string, ConvOp>)[name] as ConvOp;

/** A convolution of so many dimensions. */
export function applyConv<D extends Dims>(
  dims: D,
  x: Tensor,
  weight: Tensor,
  { bias, stride, padding, dilation, groups }: ConvValues<D>,
): Tensor {
  const op = convOp(`conv${dims}d`);
  const call = typeof padding === 'string' ? op.padding : op;
  return call(x, weight, bias, stride, padding, dilation, groups);
}

function convolution<D extends Dims>(dims: D): ConvFunction<ConvFunctionOptions<D>> {
  const list: Arguments<ConvValues<D>> = {
    bias: maybeTensor(),
    stride: tuples(dims, 1, 1),
    padding: convPadding(dims),
    dilation: tuples(dims, 1, 1),
    groups: whole(1, 1),
  };
  const signature = new Signature<ConvValues<D>>(list, ['bias']);
  return (x, weight, ...given) => applyConv(dims, x, weight, signature.read(`conv${dims}d`, given));
}

/** 1-D convolution of (N, C, L) or (C, L) with a weight (out, C / groups, kL). */
export const conv1d = convolution(1);
/** 2-D convolution of (N, C, H, W) or (C, H, W) with a weight (out, C / groups, kH, kW). */
export const conv2d = convolution(2);
/** 3-D convolution of (N, C, D, H, W) or (C, D, H, W) with a weight (out, C / groups, kD, kH, kW). */
export const conv3d = convolution(3);

/** Options of `convTranspose1d` to `convTranspose3d`. */
export interface ConvTransposeFunctionOptions<D extends Dims> {
  /** Default 1. */
  stride?: Size<D>;
  /** Taken off the output at both sides. Default 0. */
  padding?: Size<D>;
  /** Added to the output at one side. Default 0. */
  outputPadding?: Size<D>;
  /** Default 1; divides both channel counts. */
  groups?: number;
  /** Default 1. */
  dilation?: Size<D>;
}

interface ConvTransposeValues<D extends Dims> {
  bias: Tensor | null;
  stride: Tuple<D>;
  padding: Tuple<D>;
  outputPadding: Tuple<D>;
  groups: number;
  dilation: Tuple<D>;
}

/** A transposed convolution of so many dimensions. */
export function applyConvTranspose<D extends Dims>(
  dims: D,
  x: Tensor,
  weight: Tensor,
  { bias, stride, padding, outputPadding, groups, dilation }: ConvTransposeValues<D>,
): Tensor {
  const op = convOp(`conv_transpose${dims}d`);
  return op(x, weight, bias, stride, padding, outputPadding, groups, dilation);
}

function transposed<D extends Dims>(dims: D): ConvFunction<ConvTransposeFunctionOptions<D>> {
  const list: Arguments<ConvTransposeValues<D>> = {
    bias: maybeTensor(),
    stride: tuples(dims, 1, 1),
    padding: tuples(dims, 0, 0),
    outputPadding: tuples(dims, 0, 0),
    groups: whole(1, 1),
    dilation: tuples(dims, 1, 1),
  };
  const signature = new Signature<ConvTransposeValues<D>>(list, ['bias']);
  return (x, weight, ...given) =>
    applyConvTranspose(dims, x, weight, signature.read(`convTranspose${dims}d`, given));
}

/** Transposed 1-D convolution of (N, C, L) or (C, L) with a weight (C, out / groups, kL). */
export const convTranspose1d = transposed(1);
/** Transposed 2-D convolution of (N, C, H, W) or (C, H, W) with a weight (C, out / groups, kH, kW). */
export const convTranspose2d = transposed(2);
/** Transposed 3-D convolution of (N, C, D, H, W) or (C, D, H, W) with a weight (C, out / groups, kD, kH, kW). */
export const convTranspose3d = transposed(3);

const CONV_TBC = new Signature<{ pad: number }>({ pad: whole(0, 0) });

/** 1-D convolution of (time, batch, channels) with a weight (kernel, in, out); `pad` (default 0) at both ends. */
export function convTbc(
  x: Tensor,
  weight: Tensor,
  bias: Tensor,
  ...given: Call<[pad?: number], { pad?: number }>
): Tensor {
  return ops.aten.conv_tbc(x, weight, bias, CONV_TBC.read('convTbc', given).pad);
}

/** Options of `unfold` and `fold`. */
export interface FoldOptions {
  /** Default 1. */
  dilation?: Size2;
  /** Default 0. */
  padding?: Size2;
  /** Default 1. */
  stride?: Size2;
}

type FoldValues = { kernelSize: Size2 } & Required<FoldOptions>;

const foldArguments: Arguments<FoldValues> = {
  kernelSize: sizes(2, 1),
  dilation: named(sizes(2, 1, 1)),
  padding: named(sizes(2, 0, 0)),
  stride: named(sizes(2, 1, 1)),
};

const windowOf = ({ kernelSize, dilation, padding, stride }: FoldValues) =>
  [tuple(2, kernelSize), tuple(2, dilation), tuple(2, padding), tuple(2, stride)] as const;

/** The windows of a map as columns: (N, C, H, W) -> (N, C kH kW, windows). */
export const unfold = defineFunction<[kernelSize: Size2], FoldOptions, FoldValues>(
  'unfold',
  foldArguments,
  (x, values) => ops.aten.im2col(x, ...windowOf(values)),
);

/** Adds columns up to a map of `outputSize`: (N, C kH kW, windows) -> (N, C, H, W). */
export const fold = defineFunction<
  [outputSize: Size2, kernelSize: Size2],
  FoldOptions,
  FoldValues & { outputSize: Size2 }
>('fold', { outputSize: sizes(2, 1), ...foldArguments }, (x, values) =>
  ops.aten.col2im(x, tuple(2, values.outputSize), ...windowOf(values)),
);
