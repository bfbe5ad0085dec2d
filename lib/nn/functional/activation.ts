import { checkPositions } from '../../options.ts';
import { ops, type Tensor } from '../../tensor/index.ts';
import { choice, dimension, flag, real } from '../arguments.ts';
import { defineFunction, inPlace } from './define.ts';

/** Options of a function that can overwrite its input. */
export interface InplaceOption {
  /** Overwrite the input. Default false. */
  inplace?: boolean;
}

type Switch = Required<InplaceOption>;

const inplace = flag();

/** Ops by name: a table can hold names before libtorch is loaded, and no ops. */
const unary = (op: string, x: Tensor): Tensor =>
  (ops.aten as unknown as Record<string, (x: Tensor) => Tensor>)[op]?.(x) as Tensor;

/** A function of a tensor alone that torch has in place too. */
const switchable = (name: string) =>
  defineFunction<[], InplaceOption, Switch>(name, { inplace }, (x, to) =>
    unary(to.inplace ? `${name}_` : name, x),
  );

/** A function of a tensor alone. */
const plain = (name: string, compute: (x: Tensor) => Tensor) =>
  defineFunction<[], object, object>(name, {}, compute);

/** max(x, 0). */
export const relu = switchable('relu');
/** min(max(x, 0), 6). */
export const relu6 = switchable('relu6');
/** `1.0507 * x` where positive, else `1.7581 * (exp(x) - 1)`: keeps mean 0 and variance 1 from layer to layer. */
export const selu = switchable('selu');
/** x times its sigmoid. */
export const silu = switchable('silu');
/** x times tanh(softplus(x)). */
export const mish = switchable('mish');
/** `x * relu6(x + 3) / 6`. */
export const hardswish = switchable('hardswish');
/** `relu6(x + 3) / 6`. */
export const hardsigmoid = switchable('hardsigmoid');

/** 1 / (1 + exp(-x)). */
export const sigmoid = plain('sigmoid', (x) => ops.aten.sigmoid(x));
/** Hyperbolic tangent. */
export const tanh = plain('tanh', (x) => ops.aten.tanh(x));
/** log(sigmoid(x)), without underflow. */
export const logsigmoid = plain('logsigmoid', (x) => ops.aten.log_sigmoid(x));
/** x / (1 + |x|). */
export const softsign = plain('softsign', (x) => x.div(x.abs().add(1)));
/** x - tanh(x). */
export const tanhshrink = plain('tanhshrink', (x) => x.sub(x.tanh()));

/** x where positive, else `negativeSlope` (default 0.01) times x. */
export const leakyRelu = defineFunction<
  [negativeSlope?: number],
  InplaceOption & { negativeSlope?: number },
  Switch & { negativeSlope: number }
>('leakyRelu', { negativeSlope: real(0.01), inplace }, (x, { negativeSlope, inplace }) =>
  inplace ? ops.aten.leaky_relu_(x, negativeSlope) : ops.aten.leaky_relu(x, negativeSlope),
);

/** x where positive, else `alpha` (default 1) times exp(x) - 1. */
export const elu = defineFunction<
  [alpha?: number],
  InplaceOption & { alpha?: number },
  Switch & { alpha: number }
>('elu', { alpha: real(1), inplace }, (x, { alpha, inplace }) =>
  inplace ? ops.aten.elu_(x, alpha) : ops.aten.elu(x, alpha),
);

/** x where positive, else `alpha` (default 1) times exp(x / alpha) - 1. */
export const celu = defineFunction<
  [alpha?: number],
  InplaceOption & { alpha?: number },
  Switch & { alpha: number }
>('celu', { alpha: real(1), inplace }, (x, { alpha, inplace }) =>
  inplace ? ops.aten.celu_(x, alpha) : ops.aten.celu(x, alpha),
);

/** x, but no less than `minVal` (default -1) and no more than `maxVal` (default 1). */
export const hardtanh = defineFunction<
  [minVal?: number, maxVal?: number],
  InplaceOption & { minVal?: number; maxVal?: number },
  Switch & { minVal: number; maxVal: number }
>('hardtanh', { minVal: real(-1), maxVal: real(1), inplace }, (x, { minVal, maxVal, inplace }) => {
  if (minVal > maxVal) {
    throw new RangeError(`Expected minVal to be at most maxVal for hardtanh, got ${minVal} and ${maxVal}`);
  }
  return inplace ? ops.aten.hardtanh_(x, minVal, maxVal) : ops.aten.hardtanh(x, minVal, maxVal);
});

/** x where above `threshold`, else `value`. */
export const threshold = defineFunction<
  [threshold: number, value: number],
  InplaceOption,
  Switch & { threshold: number; value: number }
>('threshold', { threshold: real(), value: real(), inplace }, (x, { threshold, value, inplace }) =>
  inplace ? ops.aten.threshold_(x, threshold, value) : ops.aten.threshold(x, threshold, value),
);

/** Options of `rrelu`. */
export interface RReLUFunctionOptions extends InplaceOption {
  /** Default 1/8. */
  lower?: number;
  /** Default 1/3. */
  upper?: number;
  /** Draw a slope for each element; else all take the mean of the bounds. Default false. */
  training?: boolean;
}

/** Leaky ReLU with slopes drawn from U(lower, upper) in training. */
export const rrelu = defineFunction<
  [lower?: number, upper?: number],
  RReLUFunctionOptions,
  Required<RReLUFunctionOptions>
>(
  'rrelu',
  { lower: real(1 / 8), upper: real(1 / 3), training: flag(), inplace },
  (x, { lower, upper, training, inplace }) =>
    inplace ? ops.aten.rrelu_(x, lower, upper, training) : ops.aten.rrelu(x, lower, upper, training),
);

/** x times the share of a normal distribution below x; with `'tanh'` an approximation. */
export const gelu = defineFunction<
  [approximate?: 'none' | 'tanh'],
  { approximate?: 'none' | 'tanh' },
  { approximate: 'none' | 'tanh' }
>('gelu', { approximate: choice(['none', 'tanh'], 'none') }, (x, { approximate }) =>
  ops.aten.gelu(x, { approximate }),
);

/** The first half of the channels along `dim` (default -1), times the sigmoid of the second. */
export const glu = defineFunction<[dim?: number], { dim?: number }, { dim: number }>(
  'glu',
  { dim: dimension(-1) },
  (x, { dim }) => ops.aten.glu(x, dim),
);

/** x where |x| is above `lambd` (default 0.5), else 0. */
export const hardshrink = defineFunction<[lambd?: number], { lambd?: number }, { lambd: number }>(
  'hardshrink',
  { lambd: real(0.5) },
  (x, { lambd }) => ops.aten.hardshrink(x, lambd),
);

/** x moved towards 0 by `lambd` (default 0.5), at most to 0. */
export const softshrink = defineFunction<[lambd?: number], { lambd?: number }, { lambd: number }>(
  'softshrink',
  { lambd: real(0.5) },
  (x, { lambd }) => ops.aten.softshrink(x, lambd),
);

/** log(1 + exp(beta * x)) / beta, and x itself where beta * x is above `threshold` (defaults 1 and 20). */
export const softplus = defineFunction<
  [beta?: number, threshold?: number],
  { beta?: number; threshold?: number },
  { beta: number; threshold: number }
>('softplus', { beta: real(1), threshold: real(20) }, (x, { beta, threshold }) =>
  ops.aten.softplus(x, beta, threshold),
);

/** x where positive, else x times a learned `weight`: one number, or one for each channel. */
export function prelu(x: Tensor, weight: Tensor): Tensor {
  checkPositions('prelu', arguments, 2);
  return ops.aten.prelu(x, weight);
}

/** `relu` that overwrites its input. */
export function relu_(x: Tensor): Tensor {
  checkPositions('relu_', arguments, 1);
  return ops.aten.relu_(x);
}

/** `selu` that overwrites its input. */
export function selu_(x: Tensor): Tensor {
  checkPositions('selu_', arguments, 1);
  return ops.aten.selu_(x);
}

/** `leakyRelu` that overwrites its input. */
export const leakyRelu_ = inPlace(leakyRelu);
/** `elu` that overwrites its input. */
export const elu_ = inPlace(elu);
/** `celu` that overwrites its input. */
export const celu_ = inPlace(celu);
/** `hardtanh` that overwrites its input. */
export const hardtanh_ = inPlace(hardtanh);
/** `threshold` that overwrites its input. */
export const threshold_ = inPlace(threshold);
/** `rrelu` that overwrites its input. */
export function rrelu_(x: Tensor, lower = 1 / 8, upper = 1 / 3, training = false): Tensor {
  checkPositions('rrelu_', arguments, 4);
  return rrelu(x, lower, upper, { training, inplace: true });
}
