/** Activations: each class is a function of `nn.functional` with its arguments kept. */
import { checkPositions } from '../../options.ts';
import { empty, ops, type Tensor } from '../../tensor/index.ts';
import { type Call, flag, real, Signature, whole } from '../arguments.ts';
import * as F from '../functional/activation.ts';
import { logSoftmax, softmax, softmin } from '../functional/softmax.ts';
import * as init from '../init/init.ts';
import { Module } from '../module/module.ts';
import { Parameter } from '../module/parameter.ts';
import { pythonFloat } from '../module/repr.ts';
import { defineLayer, layerOf } from './define.ts';
import { PLACE_ARGUMENTS, type PlaceOptions, tensorOptions } from './place.ts';

const nothing = (): string => '';
const lambdAlone = ({ lambd }: { lambd: number }): string => pythonFloat(lambd);

/**
 * max(x, 0), element by element.
 *
 * @example
 * new nn.ReLU({ inplace: true });
 */
export class ReLU extends layerOf(F.relu) {}
/** min(max(x, 0), 6). */
export class ReLU6 extends layerOf(F.relu6) {}
/** `1.0507 * x` where positive, else `1.7581 * (exp(x) - 1)`: keeps mean 0 and variance 1 from layer to layer. */
export class SELU extends layerOf(F.selu) {}
/** x times its sigmoid. */
export class SiLU extends layerOf(F.silu) {}
/** x times tanh(softplus(x)). */
export class Mish extends layerOf(F.mish) {}
/** `x * relu6(x + 3) / 6`. */
export class Hardswish extends layerOf(F.hardswish, nothing) {}
/** `relu6(x + 3) / 6`. */
export class Hardsigmoid extends layerOf(F.hardsigmoid, nothing) {}
/** 1 / (1 + exp(-x)), element by element. */
export class Sigmoid extends layerOf(F.sigmoid) {}
/** Hyperbolic tangent. */
export class Tanh extends layerOf(F.tanh) {}
/** log(sigmoid(x)). */
export class LogSigmoid extends layerOf(F.logsigmoid) {}
/** x / (1 + |x|). */
export class Softsign extends layerOf(F.softsign) {}
/** x - tanh(x). */
export class Tanhshrink extends layerOf(F.tanhshrink) {}
/**
 * x where positive, else `negativeSlope` (default 0.01) times x.
 *
 * @example
 * new nn.LeakyReLU(0.2, { inplace: true });
 */
export class LeakyReLU extends layerOf(F.leakyRelu) {}
/** x where positive, else `alpha` (default 1) times exp(x) - 1. */
export class ELU extends layerOf(F.elu) {}
/** x where positive, else `alpha` (default 1) times exp(x / alpha) - 1. */
export class CELU extends layerOf(F.celu) {}
/** x, but no less than `minVal` (default -1) and no more than `maxVal` (default 1). */
export class Hardtanh extends layerOf(F.hardtanh) {}
/** x where above `threshold`, else `value`. */
export class Threshold extends layerOf(F.threshold) {}
/** x times the share of a normal distribution below x: exactly, or with `'tanh'` nearly. */
export class GELU extends layerOf(F.gelu) {}
/** The first half of the channels along `dim` (default -1), times the sigmoid of the second. */
export class GLU extends layerOf(F.glu) {}
/** x where |x| is above `lambd` (default 0.5), else 0. */
export class Hardshrink extends layerOf(F.hardshrink, lambdAlone) {}
/** x moved towards 0 by `lambd` (default 0.5), at most to 0. */
export class Softshrink extends layerOf(F.softshrink, lambdAlone) {}
/** log(1 + exp(beta * x)) / beta, and x itself where beta * x is above `threshold` (defaults 1 and 20). */
export class Softplus extends layerOf(F.softplus) {}

/** Leaky ReLU with slopes drawn from U(lower, upper) in training, and their mean in evaluation; 1/8 and 1/3 by default. */
export class RReLU extends defineLayer<
  [lower?: number, upper?: number],
  F.InplaceOption & { lower?: number; upper?: number },
  { lower: number; upper: number; inplace: boolean }
>({ lower: real(1 / 8), upper: real(1 / 3), inplace: flag() }, ({ lower, upper, inplace, training }, x) =>
  F.rrelu(x, lower, upper, { training, inplace }),
) {}

/**
 * exp(x), divided by its sum along `dim`.
 *
 * @example
 * new nn.Softmax(1).forward(logits);
 */
export class Softmax extends defineSoftmax(softmax) {}
/** Logarithm of the softmax along `dim`. */
export class LogSoftmax extends defineSoftmax(logSoftmax) {}
/** Softmax of -x along `dim`. */
export class Softmin extends defineSoftmax(softmin) {}

/** Softmax over the channels of (N, C, H, W) or (C, H, W). */
export class Softmax2d extends defineLayer<[], object>({}, (_, x) => {
  const dim = x.dim();
  if (dim === 3 || dim === 4) return ops.aten.softmax(x, -3);
  throw new RangeError(`Expected 3D or 4D input for Softmax2d, got ${dim}D input`);
}) {}

/** As the function, without its dtype. */
function defineSoftmax(fn: typeof softmax) {
  const { dim } = fn.definition.signature.list;
  return defineLayer<[dim?: number | null], { dim?: number | null }, { dim: number | null }>(
    { dim },
    (layer, x) => fn(x, layer.dim),
  );
}

const PRELU = new Signature({ numParameters: whole(1, 1), init: real(0.25), ...PLACE_ARGUMENTS });

/** Options of PReLU. */
export interface PReLUOptions extends PlaceOptions {
  /** Number of slopes, 1 (default) or that of the channels. */
  numParameters?: number;
  /** What the slopes start from. Default 0.25. */
  init?: number;
}

/**
 * x where positive, else x times a learned slope: one, or one for each channel.
 *
 * @example
 * new nn.PReLU(64, { init: 0.1 }); // key weight (64)
 */
export class PReLU extends Module {
  weight: Parameter;
  readonly numParameters: number;
  readonly init: number;

  constructor(...given: Call<[numParameters?: number, init?: number], PReLUOptions>) {
    super();
    const values = PRELU.read(new.target.name, given);
    this.numParameters = values.numParameters;
    this.init = values.init;
    this.weight = new Parameter(empty([values.numParameters], tensorOptions(values)));
    this.resetParameters();
  }

  /** Sets the slopes to what they start from. */
  resetParameters(): void {
    init.constant_(this.weight, this.init);
  }

  forward(x: Tensor): Tensor {
    checkPositions(this.constructor.name, arguments, 1);
    return ops.aten.prelu(x, this.weight);
  }

  override extraRepr(): string {
    return `num_parameters=${this.numParameters}`;
  }
}
