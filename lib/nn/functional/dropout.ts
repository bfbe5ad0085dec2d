import { ops, type Tensor } from '../../tensor/index.ts';
import { type Arguments, flag, realWithin } from '../arguments.ts';
import { defineFunction } from './define.ts';

/** Options of the dropout functions. */
export interface DropoutFunctionOptions {
  /** Probability of being dropped. Default 0.5. */
  p?: number;
  /** False gives the input back. Default true; false for `alphaDropout` and `featureAlphaDropout`. */
  training?: boolean;
  /** Overwrite the input. Default false. */
  inplace?: boolean;
}

type Values = Required<DropoutFunctionOptions>;

/** The probability that every dropout has. */
export const probability = realWithin(0, 1, 'a probability', 0.5);

const list = (training: boolean): Arguments<Values> => ({
  p: probability,
  training: flag(training),
  inplace: flag(),
});

type DropoutOp = 'dropout' | 'alpha_dropout' | 'feature_dropout' | 'feature_alpha_dropout';

function drop(op: DropoutOp, x: Tensor, { p, training, inplace }: Values): Tensor {
  if (!training) return x;
  return inplace ? ops.aten[`${op}_`](x, p, true) : ops.aten[op](x, p, true);
}

/** Sets each element to zero with probability `p` (default 0.5) and scales the rest, in training only. */
export const dropout = defineFunction<[p?: number], DropoutFunctionOptions, Values>(
  'dropout',
  list(true),
  (x, values) => drop('dropout', x, values),
);

/** Dropout of elements that keeps mean and variance of inputs with mean 0 and variance 1. */
export const alphaDropout = defineFunction<[p?: number], DropoutFunctionOptions, Values>(
  'alphaDropout',
  list(false),
  (x, values) => drop('alpha_dropout', x, values),
);

/** The same for whole channels. */
export const featureAlphaDropout = defineFunction<[p?: number], DropoutFunctionOptions, Values>(
  'featureAlphaDropout',
  list(false),
  (x, values) => drop('feature_alpha_dropout', x, values),
);

/** Drops whole channels; an input without batch gets one for the time of the call. */
function dropChannels(x: Tensor, values: Values, unbatched: number): Tensor {
  if (x.dim() !== unbatched) return drop('feature_dropout', x, values);
  return drop('feature_dropout', x.unsqueeze(0), values).squeeze(0);
}

/** Drops whole channels of (N, C, L) or (C, L). */
export const dropout1d = defineFunction<[p?: number], DropoutFunctionOptions, Values>(
  'dropout1d',
  list(true),
  (x, values) => {
    const dim = x.dim();
    if (dim === 2 || dim === 3) return dropChannels(x, values, 2);
    throw new RangeError(`Expected 2D or 3D input for dropout1d, got ${dim}D input; dropout takes any`);
  },
);

/**
 * Drops whole channels of (N, C, H, W). As in torch an input of three dimensions is (N, C, L), and of other numbers is
 * deprecated (torch/nn/functional.py, 2.13).
 */
export const dropout2d = defineFunction<[p?: number], DropoutFunctionOptions, Values>(
  'dropout2d',
  list(true),
  (x, values) => drop('feature_dropout', x, values),
);

/** Drops whole channels of (N, C, D, H, W) or (C, D, H, W). */
export const dropout3d = defineFunction<[p?: number], DropoutFunctionOptions, Values>(
  'dropout3d',
  list(true),
  (x, values) => dropChannels(x, values, 4),
);
