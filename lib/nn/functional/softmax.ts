import { type DType, ops, type Tensor } from '../../tensor/index.ts';
import { temporaries } from '../../tensor/scope.ts';
import { dimension, flag, named, optional, real, unchecked } from '../arguments.ts';
import { defineFunction } from './define.ts';

/** Options of the softmax functions. */
export interface SoftmaxOptions {
  /** Along which dimension the results add up to 1; null takes the one that torch guesses, with a warning. */
  dim?: number | null;
  /** Convert the input first. */
  dtype?: DType | null;
}

type Values = Required<SoftmaxOptions>;

const dtype = unchecked<DType | null>(null);

/**
 * The dimension that torch takes where none is given (torch/nn/functional.py `_get_softmax_dim`, 2.13): the first of
 * inputs with none, one or three, else the second.
 */
function chosenDim(owner: string, x: Tensor, dim: number | null): number {
  if (dim !== null) return dim;
  process.emitWarning(`Expected a dim for ${owner}, got none; give it, since torch's choice is deprecated`, {
    code: 'IBN_IMPLICIT_DIM',
  });
  return [0, 1, 3].includes(x.dim()) ? 0 : 1;
}

/** A softmax function, whose layer has no dtype. */
function define(name: string, compute: (x: Tensor, dim: number, options: { dtype?: DType }) => Tensor) {
  return defineFunction<[dim?: number | null], SoftmaxOptions, Values>(
    name,
    { dim: optional(dimension()), dtype },
    (x, { dim, dtype }) => compute(x, chosenDim(name, x, dim), dtype ? { dtype } : {}),
  );
}

/** exp(x), divided by its sum along `dim`. */
export const softmax = define('softmax', (x, dim, options) => ops.aten.softmax(x, dim, options));
/** Logarithm of the softmax along `dim`. */
export const logSoftmax = define('logSoftmax', (x, dim, options) => ops.aten.log_softmax(x, dim, options));
/** Softmax of -x along `dim`. */
export const softmin = define('softmin', (x, dim, options) => ops.aten.softmax(x.neg(), dim, options));

/** Options of `gumbelSoftmax`. */
export interface GumbelSoftmaxOptions {
  /** Temperature. Default 1. */
  tau?: number;
  /** Give one-hot vectors, with the gradient of the soft ones. Default false. */
  hard?: boolean;
  /** Default -1. */
  dim?: number;
}

/** Samples of the Gumbel-softmax distribution along `dim`, differentiable (torch/nn/functional.py, 2.13). */
export const gumbelSoftmax = defineFunction<
  [tau?: number],
  GumbelSoftmaxOptions,
  Required<GumbelSoftmaxOptions>
>('gumbelSoftmax', { tau: real(1), hard: flag(), dim: named(dimension(-1)) }, (x, { tau, hard, dim }) =>
  temporaries(() => {
    const noise = ops.aten.empty_like(x, { memory_format: 'contiguous_format' }).exponential_().log().neg();
    const soft = ops.aten.softmax(x.add(noise).div(tau), dim);
    if (!hard) return soft;
    const index = soft.argmax(dim, { keepdim: true });
    const oneHot = ops.aten.zeros_like(x, { memory_format: 'contiguous_format' }).scatter_(dim, index, 1);
    return oneHot.sub(soft.detach()).add(soft);
  }),
);
