import { ops, rand, type Tensor } from '../../../tensor/index.ts';
import {
  type Argument,
  type Arguments,
  argument,
  checkTensor,
  flag,
  maybeTensor,
  named,
  optional,
  refuse,
  Signature,
  sameAs,
} from '../../arguments.ts';
import { pythonRepr } from '../../module/repr.ts';
import { type Dims, type Size, type Tuple, tuples } from '../../sizes.ts';
import type { Pooled } from './pooling.ts';

/** Options of the layers of max unpooling. */
export interface MaxUnpoolOptions<D extends Dims> {
  /** Default: the kernel size. */
  stride?: Size<D> | null;
  /** Default 0. */
  padding?: Size<D>;
}

/** Options of max unpooling. */
export interface MaxUnpoolFunctionOptions<D extends Dims> extends MaxUnpoolOptions<D> {
  /** Spatial sizes of the output, or all of its sizes, where several inputs of the pooling give the same. */
  outputSize?: readonly number[] | null;
}

/** Arguments of a layer of max unpooling with their values. */
export interface MaxUnpoolValues<D extends Dims> {
  kernelSize: Tuple<D>;
  stride: Tuple<D>;
  padding: Tuple<D>;
}

/** The arguments of max unpooling of so many dimensions. */
export function maxUnpoolArguments<D extends Dims>(dims: D): Arguments<MaxUnpoolValues<D>> {
  return {
    kernelSize: tuples(dims, 1),
    stride: sameAs('kernelSize', tuples(dims, 1)),
    padding: named(tuples(dims, 0, 0)),
  };
}

/** Spatial sizes of an unpooled map (torch/nn/functional.py `_unpool_output_size`, 2.13). */
function unpooledSize<D extends Dims>(
  dims: D,
  x: Tensor,
  { kernelSize, stride, padding }: MaxUnpoolValues<D>,
  wanted: readonly number[] | null,
): number[] {
  const input = x.shape.slice(-dims);
  const usual = input.map(
    (size, i) => (size - 1) * (stride[i] as number) + (kernelSize[i] as number) - 2 * (padding[i] as number),
  );
  if (wanted === null) return usual;
  if (!Array.isArray(wanted))
    refuse(`maxUnpool${dims}d`, 'outputSize', 'an array of whole numbers', wanted, false);
  const spatial = wanted.length === dims + 2 ? wanted.slice(2) : [...wanted];
  const fits = (size: number, i: number): boolean =>
    Math.abs(size - (usual[i] as number)) < (stride[i] as number);
  if (spatial.length === dims && spatial.every(fits)) return spatial;
  const ranges = usual.map((size, i) => {
    const slack = (stride[i] as number) - 1;
    return `${size - slack} to ${size + slack}`;
  });
  throw new RangeError(
    `Expected ${ranges.join(' x ')} for maxUnpool${dims}d outputSize, got [${wanted.join(', ')}]`,
  );
}

/** Max unpooling of so many dimensions. */
export function applyMaxUnpool<D extends Dims>(
  dims: D,
  x: Tensor,
  indices: Tensor,
  values: MaxUnpoolValues<D>,
  outputSize: readonly number[] | null,
): Tensor {
  checkTensor(`maxUnpool${dims}d`, 'x', x);
  checkTensor(`maxUnpool${dims}d`, 'indices', indices);
  const size = unpooledSize(dims, x, values, outputSize);
  if (dims === 3) {
    return ops.aten.max_unpool3d(x, indices, size, values.stride as number[], values.padding as number[]);
  }
  if (dims === 2) return ops.aten.max_unpool2d(x, indices, size);
  return ops.aten.max_unpool2d(x.unsqueeze(-1), indices.unsqueeze(-1), [...size, 1]).squeeze(-1);
}

function maxUnpool<D extends Dims>(dims: D) {
  const isList = (list: readonly number[]): boolean =>
    list.every((size) => Number.isInteger(size) && size >= 0);
  const outputSize = argument<readonly number[]>(
    undefined,
    'an array of whole numbers',
    Array.isArray,
    isList,
    pythonRepr,
  );
  const signature = new Signature<MaxUnpoolValues<D> & { outputSize: readonly number[] | null }>({
    ...maxUnpoolArguments(dims),
    outputSize: optional(outputSize),
  } as never);
  return (
    x: Tensor,
    indices: Tensor,
    kernelSize: Size<D>,
    options: MaxUnpoolFunctionOptions<D> = {},
  ): Tensor => {
    const values = signature.read(`maxUnpool${dims}d`, [kernelSize, options]);
    return applyMaxUnpool(dims, x, indices, values, values.outputSize);
  };
}

/** Puts the values of `maxPool1d` back at their places, zeros between: (N, C, L) or (C, L). */
export const maxUnpool1d = maxUnpool(1);
/** Puts the values of `maxPool2d` back at their places, zeros between: (N, C, H, W) or (C, H, W). */
export const maxUnpool2d = maxUnpool(2);
/** Puts the values of `maxPool3d` back at their places, zeros between: (N, C, D, H, W) or (C, D, H, W). */
export const maxUnpool3d = maxUnpool(3);

/** Options of fractional max pooling; give either `outputSize` or `outputRatio`. */
export interface FractionalMaxPoolOptions<D extends 2 | 3, R extends boolean = boolean> {
  outputSize?: Size<D> | null;
  /** The output's share of the input, between 0 and 1. */
  outputRatio?: Size<D> | null;
  /** Give the places of the largest values too. Default false. */
  returnIndices?: R;
  /** The numbers that choose the windows (N, C, dimensions); else they are drawn. */
  _randomSamples?: Tensor | null;
}

/** Arguments of fractional max pooling with their values. */
export interface FractionalMaxPoolValues<D extends 2 | 3> {
  kernelSize: Tuple<D>;
  outputSize: Tuple<D> | null;
  outputRatio: Tuple<D> | null;
  returnIndices: boolean;
  _randomSamples: Tensor | null;
}

function ratios<D extends 2 | 3>(dims: D): Argument<Tuple<D>> {
  const isRatio = (value: number): boolean => value > 0 && value < 1;
  const given = argument<number | readonly number[]>(
    undefined,
    `a number between 0 and 1, or ${dims} in an array,`,
    (value) => typeof value === 'number' || Array.isArray(value),
    (value) => (typeof value === 'number' ? isRatio(value) : value.length === dims && value.every(isRatio)),
    pythonRepr,
  );
  return {
    ...given,
    fallback: undefined,
    read(owner, name, value) {
      const ratio = given.read(owner, name, value);
      return (typeof ratio === 'number' ? Array(dims).fill(ratio) : [...ratio]) as Tuple<D>;
    },
  } as Argument<Tuple<D>>;
}

/** The arguments of fractional max pooling of so many dimensions. */
export function fractionalArguments<D extends 2 | 3>(dims: D): Arguments<FractionalMaxPoolValues<D>> {
  return {
    kernelSize: tuples(dims, 1),
    outputSize: optional(tuples(dims, 1)),
    outputRatio: optional(ratios(dims)),
    returnIndices: flag(),
    _randomSamples: maybeTensor(),
  };
}

/** Refuses both and neither of size and ratio. */
export function checkFraction(
  owner: string,
  { outputSize, outputRatio }: FractionalMaxPoolValues<2 | 3>,
): void {
  if ((outputSize === null) !== (outputRatio === null)) return;
  const got = outputSize === null ? 'neither' : 'both';
  throw new RangeError(`Expected either outputSize or outputRatio for ${owner}, got ${got}`);
}

/** Fractional max pooling of so many dimensions; draws as torch does. */
export function applyFractionalMaxPool<D extends 2 | 3>(
  dims: D,
  x: Tensor,
  { kernelSize, outputSize, outputRatio, returnIndices, _randomSamples }: FractionalMaxPoolValues<D>,
): Tensor | [Tensor, Tensor] {
  checkTensor(`fractionalMaxPool${dims}d`, 'x', x);
  const shape = x.shape;
  const spatial = shape.slice(-dims);
  const size = outputSize ?? spatial.map((length, i) => Math.floor(length * (outputRatio?.[i] as number)));
  const batch = shape.length === dims + 1 ? 1 : (shape[0] as number);
  const samples =
    _randomSamples ??
    rand([batch, shape.at(-dims - 1) as number, dims], { dtype: x.dtype, device: x.device });
  const op = dims === 2 ? ops.aten.fractional_max_pool2d : ops.aten.fractional_max_pool3d;
  const [values, indices] = op(x, kernelSize as number[], size as number[], samples);
  if (returnIndices) return [values, indices];
  indices.dispose();
  return values;
}

type FractionalMaxPoolFunction<D extends 2 | 3> = <R extends boolean = false>(
  x: Tensor,
  kernelSize: Size<D>,
  options: FractionalMaxPoolOptions<D, R>,
) => Pooled<R>;

function fractionalMaxPool<D extends 2 | 3>(dims: D): FractionalMaxPoolFunction<D> {
  const owner = `fractionalMaxPool${dims}d`;
  const signature = new Signature<FractionalMaxPoolValues<D>>(fractionalArguments(dims));
  const call = (x: Tensor, ...given: unknown[]) => {
    const values = signature.read(owner, given);
    checkFraction(owner, values as FractionalMaxPoolValues<2 | 3>);
    return applyFractionalMaxPool(dims, x, values);
  };
  return call as FractionalMaxPoolFunction<D>;
}

const fractionalWithIndices =
  <D extends 2 | 3>(pool: FractionalMaxPoolFunction<D>) =>
  (x: Tensor, kernelSize: Size<D>, options: Omit<FractionalMaxPoolOptions<D>, 'returnIndices'>) =>
    pool(x, kernelSize, { ...options, returnIndices: true });

/** Largest values of windows of drawn sizes and places: (N, C, H, W) or (C, H, W). */
export const fractionalMaxPool2d = fractionalMaxPool(2);
/** Largest values of windows of drawn sizes and places: (N, C, D, H, W) or (C, D, H, W). */
export const fractionalMaxPool3d = fractionalMaxPool(3);
/** The same with the places of the values. */
export const fractionalMaxPool2dWithIndices = fractionalWithIndices(fractionalMaxPool2d);
/** The same with the places of the values. */
export const fractionalMaxPool3dWithIndices = fractionalWithIndices(fractionalMaxPool3d);
