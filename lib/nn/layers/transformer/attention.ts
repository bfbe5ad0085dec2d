import { checkPositions } from '../../../options.ts';
import { empty, type Tensor } from '../../../tensor/index.ts';
import { temporaries } from '../../../tensor/scope.ts';
import { checkNamed, checkTensor, flag, optional, whole } from '../../arguments.ts';
import {
  ATTENTION_OPTIONS,
  type AttentionOptions,
  multiHeadAttentionForward,
} from '../../functional/attention.ts';
import { probability } from '../../functional/dropout.ts';
import * as init from '../../init/init.ts';
import { Module } from '../../module/module.ts';
import { Parameter } from '../../module/parameter.ts';
import { checkCount } from '../../sizes.ts';
import { Linear } from '../linear.ts';
import { PLACE_ARGUMENTS, type PlaceOptions, tensorOptions } from '../place.ts';

/** The projection of MultiheadAttention's output, named as in torch. */
export class NonDynamicallyQuantizableLinear extends Linear {}

/** Options of MultiheadAttention. */
export interface MultiheadAttentionOptions extends PlaceOptions {
  /** Of the weights. Default 0. */
  dropout?: number;
  /** Default true. */
  bias?: boolean;
  /** Add a learned key and value. Default false. */
  addBiasKv?: boolean;
  /** Add a key and value of zeros. Default false. */
  addZeroAttn?: boolean;
  /** Features of the keys. Default embedDim. */
  kdim?: number | null;
  /** Features of the values. Default embedDim. */
  vdim?: number | null;
  /** Inputs are (N, L, E) rather than (L, N, E). Default false. */
  batchFirst?: boolean;
}

const OPTIONS = {
  dropout: probability,
  bias: flag(),
  addBiasKv: flag(),
  addZeroAttn: flag(),
  kdim: optional(whole(1)),
  vdim: optional(whole(1)),
  batchFirst: flag(),
  ...PLACE_ARGUMENTS,
};

/**
 * Attention of several heads. torch's fused op for inference is not taken: its numbers are the same to rounding.
 *
 * @example
 * const attention = new nn.MultiheadAttention(32, 4, { batchFirst: true });
 * const [output, weights] = attention.forward(words, words, words);
 */
export class MultiheadAttention extends Module {
  in_proj_weight: Parameter | null = null;
  q_proj_weight: Parameter | null = null;
  k_proj_weight: Parameter | null = null;
  v_proj_weight: Parameter | null = null;
  in_proj_bias: Parameter | null;
  bias_k: Parameter | null;
  bias_v: Parameter | null;
  out_proj: NonDynamicallyQuantizableLinear;
  readonly embedDim: number;
  readonly kdim: number;
  readonly vdim: number;
  readonly numHeads: number;
  readonly headDim: number;
  dropout: number;
  readonly batchFirst: boolean;
  readonly addZeroAttn: boolean;

  constructor(embedDim: number, numHeads: number, options: MultiheadAttentionOptions = {}) {
    checkPositions('MultiheadAttention', arguments, 3);
    super();
    checkNamed('MultiheadAttention', options, OPTIONS);
    checkCount('MultiheadAttention', 'embedDim', embedDim, 1);
    checkCount('MultiheadAttention', 'numHeads', numHeads, 1);
    if (embedDim % numHeads !== 0) {
      throw new RangeError(
        `Expected numHeads to divide MultiheadAttention embedDim ${embedDim}, got ${numHeads}`,
      );
    }
    const { dropout = 0, bias = true, addBiasKv = false } = options;
    this.embedDim = embedDim;
    this.kdim = options.kdim ?? embedDim;
    this.vdim = options.vdim ?? embedDim;
    this.numHeads = numHeads;
    this.headDim = embedDim / numHeads;
    this.dropout = dropout;
    this.batchFirst = options.batchFirst ?? false;
    this.addZeroAttn = options.addZeroAttn ?? false;
    const place = tensorOptions(options);
    const make = (...shape: number[]): Parameter => new Parameter(empty(shape, place));
    if (this.kdim === embedDim && this.vdim === embedDim) this.in_proj_weight = make(3 * embedDim, embedDim);
    else {
      this.q_proj_weight = make(embedDim, embedDim);
      this.k_proj_weight = make(embedDim, this.kdim);
      this.v_proj_weight = make(embedDim, this.vdim);
    }
    this.in_proj_bias = bias ? make(3 * embedDim) : null;
    this.out_proj = new NonDynamicallyQuantizableLinear(embedDim, embedDim, { bias, ...place });
    this.bias_k = addBiasKv ? make(1, 1, embedDim) : null;
    this.bias_v = addBiasKv ? make(1, 1, embedDim) : null;
    this.resetParameters();
  }

  /** Draws the weights of the inputs anew; those of the output keep a linear layer's. */
  resetParameters(): void {
    for (const weight of [this.in_proj_weight, this.q_proj_weight, this.k_proj_weight, this.v_proj_weight]) {
      if (weight !== null) init.xavierUniform_(weight);
    }
    if (this.in_proj_bias !== null) init.zeros_(this.in_proj_bias);
    if (this.in_proj_bias !== null && this.out_proj.bias !== null) init.zeros_(this.out_proj.bias);
    for (const bias of [this.bias_k, this.bias_v]) if (bias !== null) init.xavierNormal_(bias);
  }

  /**
   * @param query (L, N, embedDim), with `batchFirst` (N, L, embedDim), or (L, embedDim).
   * @param key (S, N, kdim). @param value (S, N, vdim).
   * @returns The output of the query's shape, and the weights (N, L, S); null without `needWeights`.
   */
  forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    options: AttentionOptions = {},
  ): [Tensor, Tensor | null] {
    checkNamed('MultiheadAttention.forward', options, ATTENTION_OPTIONS);
    for (const [name, x] of Object.entries({ query, key, value })) checkTensor('MultiheadAttention', name, x);
    return temporaries(() => {
      const turns = this.batchFirst && query.dim() === 3;
      const turned = (x: Tensor): Tensor => (turns && x.dim() === 3 ? x.transpose(0, 1) : x);
      const q = turned(query);
      const k = key === query ? q : turned(key);
      const v = value === query ? q : value === key ? k : turned(value);
      const [output, weights] = this.attend(q, k, v, options);
      return [turns ? output.transpose(0, 1) : output, weights];
    });
  }

  private attend(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): [Tensor, Tensor | null] {
    return multiHeadAttentionForward(
      q,
      k,
      v,
      this.embedDim,
      this.numHeads,
      this.in_proj_weight,
      this.in_proj_bias,
      this.bias_k,
      this.bias_v,
      this.addZeroAttn,
      this.dropout,
      this.out_proj.weight,
      this.out_proj.bias,
      {
        ...options,
        training: this.training,
        useSeparateProjWeight: this.in_proj_weight === null,
        qProjWeight: this.q_proj_weight,
        kProjWeight: this.k_proj_weight,
        vProjWeight: this.v_proj_weight,
      },
    );
  }
}
