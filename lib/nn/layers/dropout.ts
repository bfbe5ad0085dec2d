/** Layers that drop at random in training, and give their input back in evaluation. */
import type { Tensor } from '../../tensor/index.ts';
import { flag } from '../arguments.ts';
import * as F from '../functional/dropout.ts';
import { defineLayer } from './define.ts';

/** Options of the dropout layers. */
export interface DropoutOptions {
  /** Probability of being dropped. Default 0.5. */
  p?: number;
  /** Overwrite the input. Default false. */
  inplace?: boolean;
}

const list = { p: F.probability, inplace: flag() };

function dropoutLayer(fn: (x: Tensor, options: F.DropoutFunctionOptions) => Tensor) {
  return defineLayer<[p?: number], DropoutOptions, Required<DropoutOptions>>(
    list,
    ({ p, inplace, training }, x) => fn(x, { p, inplace, training }),
    (values, signature) => signature.print(values, ['p', 'inplace']),
  );
}

/**
 * Sets each element to zero with probability `p` and scales the rest by 1 / (1 - p).
 *
 * @example
 * new nn.Dropout(0.2);
 */
export class Dropout extends dropoutLayer(F.dropout) {}
/** Drops whole channels of (N, C, L) or (C, L). */
export class Dropout1d extends dropoutLayer(F.dropout1d) {}
/** Drops whole channels of (N, C, H, W). */
export class Dropout2d extends dropoutLayer(F.dropout2d) {}
/** Drops whole channels of (N, C, D, H, W) or (C, D, H, W). */
export class Dropout3d extends dropoutLayer(F.dropout3d) {}
/** Drops elements to the value that keeps mean 0 and variance 1, as SELU gives them. */
export class AlphaDropout extends dropoutLayer(F.alphaDropout) {}
/** The same for whole channels. */
export class FeatureAlphaDropout extends dropoutLayer(F.featureAlphaDropout) {}
