import type { Tensor } from '../../../tensor/index.ts';
import { callForeign } from '../../../tensor/own-code.ts';
import { flag, real, refuse, unchecked, whole } from '../../arguments.ts';
import { call } from '../../forward-then-release.ts';
import { gelu, relu } from '../../functional/activation.ts';
import type { AttentionOptions } from '../../functional/attention.ts';
import { probability } from '../../functional/dropout.ts';
import { Module } from '../../module/module.ts';
import { PLACE_ARGUMENTS, type PlaceOptions } from '../place.ts';
import type { MultiheadAttention } from './attention.ts';

/** Activation of a Transformer: by name, a function, or a module. */
export type TransformerActivation = 'relu' | 'gelu' | ((x: Tensor) => Tensor) | Module;

/** Options of the Transformer's layers. */
export interface TransformerLayerOptions extends PlaceOptions {
  /** Features between the two linear layers. Default 2048. */
  dimFeedforward?: number;
  /** Default 0.1. */
  dropout?: number;
  /** Default `'relu'`. */
  activation?: TransformerActivation;
  /** Default 1e-5. */
  layerNormEps?: number;
  /** Inputs are (N, S, E) rather than (S, N, E). Default false. */
  batchFirst?: boolean;
  /** Normalise before the attentions rather than after. Default false. */
  normFirst?: boolean;
  /** Default true. */
  bias?: boolean;
}

export const LAYER_OPTIONS = {
  dimFeedforward: whole(0),
  dropout: probability,
  activation: unchecked(null),
  layerNormEps: real(),
  batchFirst: flag(),
  normFirst: flag(),
  bias: flag(),
  ...PLACE_ARGUMENTS,
};

const NAMED = { relu: (x: Tensor): Tensor => relu(x), gelu: (x: Tensor): Tensor => gelu(x) };

/** @throws RangeError for another name. */
export function activationOf(
  owner: string,
  activation: TransformerActivation,
): Module | ((x: Tensor) => Tensor) {
  if (activation instanceof Module || typeof activation === 'function') return activation;
  if (typeof activation === 'string' && Object.hasOwn(NAMED, activation)) return NAMED[activation];
  refuse(owner, 'activation', '"relu", "gelu", a function or a Module', activation, true);
}

/** The activation of `x`; what is not this package's own may keep it. */
export function activate(activation: Module | ((x: Tensor) => Tensor), x: Tensor): Tensor {
  if (activation instanceof Module) return call(activation, x);
  return activation === NAMED.relu || activation === NAMED.gelu ? activation(x) : callForeign(activation, x);
}

/** The output of an attention whose weights are not asked for. */
export function attend(
  attention: MultiheadAttention,
  query: Tensor,
  memory: Tensor,
  options: AttentionOptions,
): Tensor {
  const given = { ...options, needWeights: false };
  const run = (q: Tensor, m: Tensor): Tensor => attention.forward(q, m, m, given)[0];
  return attention.isOwnCode ? run(query, memory) : callForeign(run, query, memory);
}

/** One layer's masks as its attention takes them. */
export function masks(
  attnMask: Tensor | null | undefined,
  keyPaddingMask: Tensor | null | undefined,
  isCausal: boolean | undefined,
): AttentionOptions {
  return { attnMask: attnMask ?? null, keyPaddingMask: keyPaddingMask ?? null, isCausal: isCausal ?? false };
}
