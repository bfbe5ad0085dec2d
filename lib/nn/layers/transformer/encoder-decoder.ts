import { checkPositions } from '../../../options.ts';
import type { Tensor } from '../../../tensor/index.ts';
import { temporaries } from '../../../tensor/scope.ts';
import { checkNamed, checkTensor, flag, maybeTensor } from '../../arguments.ts';
import { call } from '../../forward-then-release.ts';
import type { AttentionOptions } from '../../functional/attention.ts';
import { Module } from '../../module/module.ts';
import { Dropout } from '../dropout.ts';
import { LayerNorm } from '../layer-norm.ts';
import { Linear } from '../linear.ts';
import { tensorOptions } from '../place.ts';
import { MultiheadAttention } from './attention.ts';
import {
  activate,
  activationOf,
  attend,
  LAYER_OPTIONS,
  masks,
  type TransformerLayerOptions,
} from './parts.ts';

/** Masks of an encoder's layer. */
export interface EncoderLayerMasks {
  /** Pairs to leave out: (S, S) or (N * nhead, S, S). */
  srcMask?: Tensor | null;
  /** Elements to leave out: (N, S). */
  srcKeyPaddingMask?: Tensor | null;
  /** `srcMask` is causal. Default false. */
  isCausal?: boolean;
}

const tensorOrNull = maybeTensor();
const ENCODER_MASKS = { srcMask: tensorOrNull, srcKeyPaddingMask: tensorOrNull, isCausal: flag() };

/**
 * Self-attention and two linear layers. torch's fused op for inference is not taken: its numbers are the same to rounding,
 * except at padded elements, which it leaves zero.
 *
 * @example
 * new nn.TransformerEncoderLayer(512, 8, { batchFirst: true }).forward(randn([2, 10, 512]));
 */
export class TransformerEncoderLayer extends Module {
  self_attn: MultiheadAttention;
  linear1: Linear;
  dropout: Dropout;
  linear2: Linear;
  norm1: LayerNorm;
  norm2: LayerNorm;
  dropout1: Dropout;
  dropout2: Dropout;
  activation: Module | ((x: Tensor) => Tensor);
  readonly normFirst: boolean;

  constructor(dModel: number, nhead: number, options: TransformerLayerOptions = {}) {
    checkPositions('TransformerEncoderLayer', arguments, 3);
    super();
    checkNamed('TransformerEncoderLayer', options, LAYER_OPTIONS);
    const { dimFeedforward = 2048, dropout = 0.1, layerNormEps: eps = 1e-5, bias = true } = options;
    const { activation = 'relu', batchFirst = false } = options;
    const place = tensorOptions(options);
    this.self_attn = new MultiheadAttention(dModel, nhead, { dropout, bias, batchFirst, ...place });
    this.linear1 = new Linear(dModel, dimFeedforward, { bias, ...place });
    this.dropout = new Dropout(dropout);
    this.linear2 = new Linear(dimFeedforward, dModel, { bias, ...place });
    this.norm1 = new LayerNorm(dModel, { eps, bias, ...place });
    this.norm2 = new LayerNorm(dModel, { eps, bias, ...place });
    this.dropout1 = new Dropout(dropout);
    this.dropout2 = new Dropout(dropout);
    this.activation = activationOf('TransformerEncoderLayer', activation);
    this.normFirst = options.normFirst ?? false;
  }

  /** @param src (S, N, dModel), with `batchFirst` (N, S, dModel), or (S, dModel). */
  forward(src: Tensor, options: EncoderLayerMasks = {}): Tensor {
    checkNamed('TransformerEncoderLayer.forward', options, ENCODER_MASKS);
    checkTensor('TransformerEncoderLayer', 'src', src);
    const given = masks(options.srcMask, options.srcKeyPaddingMask, options.isCausal);
    return temporaries(() => {
      if (this.normFirst) {
        const x = src.add(this.attention(call(this.norm1, src), given));
        return x.add(this.feedForward(call(this.norm2, x)));
      }
      const x = call(this.norm1, src.add(this.attention(src, given)));
      return call(this.norm2, x.add(this.feedForward(x)));
    });
  }

  private attention(x: Tensor, given: AttentionOptions): Tensor {
    return call(this.dropout1, attend(this.self_attn, x, x, given));
  }

  private feedForward(x: Tensor): Tensor {
    const hidden = call(this.dropout, activate(this.activation, call(this.linear1, x)));
    return call(this.dropout2, call(this.linear2, hidden));
  }
}

/** Masks of a decoder, or of its layer. */
export interface DecoderMasks {
  /** Pairs of targets to leave out: (T, T) or (N * nhead, T, T). */
  tgtMask?: Tensor | null;
  /** Pairs of targets and memories to leave out: (T, S) or (N * nhead, T, S). */
  memoryMask?: Tensor | null;
  /** Targets to leave out: (N, T). */
  tgtKeyPaddingMask?: Tensor | null;
  /** Memories to leave out: (N, S). */
  memoryKeyPaddingMask?: Tensor | null;
  /** `tgtMask` is causal. Default false. */
  tgtIsCausal?: boolean;
  /** `memoryMask` is causal. Default false. */
  memoryIsCausal?: boolean;
}

export const DECODER_MASKS = {
  tgtMask: tensorOrNull,
  memoryMask: tensorOrNull,
  tgtKeyPaddingMask: tensorOrNull,
  memoryKeyPaddingMask: tensorOrNull,
  tgtIsCausal: flag(),
  memoryIsCausal: flag(),
};

/** Self-attention, attention to an encoder's output, and two linear layers. */
export class TransformerDecoderLayer extends Module {
  self_attn: MultiheadAttention;
  multihead_attn: MultiheadAttention;
  linear1: Linear;
  dropout: Dropout;
  linear2: Linear;
  norm1: LayerNorm;
  norm2: LayerNorm;
  norm3: LayerNorm;
  dropout1: Dropout;
  dropout2: Dropout;
  dropout3: Dropout;
  activation: Module | ((x: Tensor) => Tensor);
  readonly normFirst: boolean;

  constructor(dModel: number, nhead: number, options: TransformerLayerOptions = {}) {
    checkPositions('TransformerDecoderLayer', arguments, 3);
    super();
    checkNamed('TransformerDecoderLayer', options, LAYER_OPTIONS);
    const { dimFeedforward = 2048, dropout = 0.1, layerNormEps: eps = 1e-5, bias = true } = options;
    const { activation = 'relu', batchFirst = false } = options;
    const place = tensorOptions(options);
    this.self_attn = new MultiheadAttention(dModel, nhead, { dropout, bias, batchFirst, ...place });
    this.multihead_attn = new MultiheadAttention(dModel, nhead, { dropout, bias, batchFirst, ...place });
    this.linear1 = new Linear(dModel, dimFeedforward, { bias, ...place });
    this.dropout = new Dropout(dropout);
    this.linear2 = new Linear(dimFeedforward, dModel, { bias, ...place });
    this.norm1 = new LayerNorm(dModel, { eps, bias, ...place });
    this.norm2 = new LayerNorm(dModel, { eps, bias, ...place });
    this.norm3 = new LayerNorm(dModel, { eps, bias, ...place });
    this.dropout1 = new Dropout(dropout);
    this.dropout2 = new Dropout(dropout);
    this.dropout3 = new Dropout(dropout);
    this.activation = activationOf('TransformerDecoderLayer', activation);
    this.normFirst = options.normFirst ?? false;
  }

  /** @param tgt (T, N, dModel), with `batchFirst` (N, T, dModel), or (T, dModel). @param memory The encoder's output. */
  forward(tgt: Tensor, memory: Tensor, options: DecoderMasks = {}): Tensor {
    checkNamed('TransformerDecoderLayer.forward', options, DECODER_MASKS);
    checkTensor('TransformerDecoderLayer', 'tgt', tgt);
    checkTensor('TransformerDecoderLayer', 'memory', memory);
    const own = masks(options.tgtMask, options.tgtKeyPaddingMask, options.tgtIsCausal);
    const cross = masks(options.memoryMask, options.memoryKeyPaddingMask, options.memoryIsCausal);
    return temporaries(() => {
      if (this.normFirst) {
        const x = tgt.add(this.selfAttention(call(this.norm1, tgt), own));
        const y = x.add(this.crossAttention(call(this.norm2, x), memory, cross));
        return y.add(this.feedForward(call(this.norm3, y)));
      }
      const x = call(this.norm1, tgt.add(this.selfAttention(tgt, own)));
      const y = call(this.norm2, x.add(this.crossAttention(x, memory, cross)));
      return call(this.norm3, y.add(this.feedForward(y)));
    });
  }

  private selfAttention(x: Tensor, given: AttentionOptions): Tensor {
    return call(this.dropout1, attend(this.self_attn, x, x, given));
  }

  private crossAttention(x: Tensor, memory: Tensor, given: AttentionOptions): Tensor {
    return call(this.dropout2, attend(this.multihead_attn, x, memory, given));
  }

  private feedForward(x: Tensor): Tensor {
    const hidden = call(this.dropout, activate(this.activation, call(this.linear1, x)));
    return call(this.dropout3, call(this.linear2, hidden));
  }
}
