import { checkOptions, checkPositions } from '../../../options.ts';
import { type Device, type DType, full, type Tensor } from '../../../tensor/index.ts';
import { callForeign } from '../../../tensor/own-code.ts';
import {
  argument,
  type Call,
  checkNamed,
  checkTensor,
  flag,
  maybeTensor,
  optional,
  real,
  Signature,
  unchecked,
  whole,
  wholeWithin,
} from '../../arguments.ts';
import { call } from '../../forward-then-release.ts';
import * as init from '../../init/init.ts';
import { Module } from '../../module/module.ts';
import { ModuleList } from '../container.ts';
import { LayerNorm } from '../layer-norm.ts';
import { PLACE_ARGUMENTS, type PlaceOptions, type PlaceValues, tensorOptions } from '../place.ts';
import { MOST_LAYERS } from '../recurrent/base.ts';
import {
  DECODER_MASKS,
  type DecoderMasks,
  type EncoderLayerMasks,
  TransformerDecoderLayer,
  TransformerEncoderLayer,
} from './encoder-decoder.ts';
import type { TransformerActivation, TransformerLayerOptions } from './parts.ts';

const tensorOrNull = maybeTensor();
const ENCODER_MASKS = { mask: tensorOrNull, srcKeyPaddingMask: tensorOrNull, isCausal: flag() };
const MASKS = {
  ...DECODER_MASKS,
  srcMask: tensorOrNull,
  srcKeyPaddingMask: tensorOrNull,
  srcIsCausal: flag(),
};
const isModule = (value: unknown): boolean => value instanceof Module;
const maybeModule = optional(argument<Module>(undefined, 'a Module', isModule, () => true, String));

/** Copies of a layer, each with weights of its own that begin equal, as in torch. */
function copies(owner: string, layer: Module, count: number): ModuleList {
  wholeWithin(1, MOST_LAYERS).read(owner, 'numLayers', count);
  if (!(layer instanceof Module))
    throw new TypeError(`Expected a Module for ${owner} layer, got ${typeof layer}`);
  return new ModuleList(Array.from({ length: count }, () => layer.clone()));
}

/** Options of TransformerEncoder. */
export interface TransformerEncoderOptions {
  /** Applied to the output. */
  norm?: Module | null;
  /** Accepted as in torch; padding is always masked, and never cut out of the batch. Default true. */
  enableNestedTensor?: boolean;
  /** Accepted as in torch. Default true. */
  maskCheck?: boolean;
}

/** Masks of an encoder. */
export interface EncoderMasks {
  /** Pairs to leave out: (S, S) or (N * nhead, S, S). */
  mask?: Tensor | null;
  /** Elements to leave out: (N, S). */
  srcKeyPaddingMask?: Tensor | null;
  /** `mask` is causal. Default false. */
  isCausal?: boolean;
}

/**
 * Copies of a layer on top of each other.
 *
 * @example
 * new nn.TransformerEncoder(new nn.TransformerEncoderLayer(512, 8), 6).forward(randn([10, 2, 512]));
 */
export class TransformerEncoder extends Module {
  layers: ModuleList;
  norm: Module | null;
  readonly numLayers: number;
  readonly enableNestedTensor: boolean;
  readonly maskCheck: boolean;

  constructor(encoderLayer: Module, numLayers: number, options: TransformerEncoderOptions = {}) {
    checkPositions('TransformerEncoder', arguments, 3);
    super();
    checkNamed('TransformerEncoder', options, {
      norm: maybeModule,
      enableNestedTensor: flag(),
      maskCheck: flag(),
    });
    this.layers = copies('TransformerEncoder', encoderLayer, numLayers);
    this.norm = options.norm ?? null;
    this.numLayers = numLayers;
    this.enableNestedTensor = options.enableNestedTensor ?? true;
    this.maskCheck = options.maskCheck ?? true;
  }

  forward(src: Tensor, options: EncoderMasks = {}): Tensor {
    checkNamed('TransformerEncoder.forward', options, ENCODER_MASKS);
    checkTensor('TransformerEncoder', 'src', src);
    const { mask = null, srcKeyPaddingMask = null, isCausal = false } = options;
    const given: EncoderLayerMasks = { srcMask: mask, srcKeyPaddingMask, isCausal };
    let output = src;
    for (const layer of this.layers) output = runLayer(layer, [output], given);
    return this.norm === null ? output : call(this.norm, output);
  }
}

function runLayer(layer: Module, inputs: Tensor[], given: object): Tensor {
  const run = (...xs: Tensor[]): Tensor => layer.forward(...xs, given);
  return layer.isOwnCode ? run(...inputs) : callForeign(run, ...inputs);
}

/** Copies of a decoder's layer on top of each other. */
export class TransformerDecoder extends Module {
  layers: ModuleList;
  norm: Module | null;
  readonly numLayers: number;

  constructor(decoderLayer: Module, numLayers: number, options: { norm?: Module | null } = {}) {
    checkPositions('TransformerDecoder', arguments, 3);
    super();
    checkNamed('TransformerDecoder', options, { norm: maybeModule });
    this.layers = copies('TransformerDecoder', decoderLayer, numLayers);
    this.norm = options.norm ?? null;
    this.numLayers = numLayers;
  }

  forward(tgt: Tensor, memory: Tensor, options: DecoderMasks = {}): Tensor {
    checkNamed('TransformerDecoder.forward', options, DECODER_MASKS);
    checkTensor('TransformerDecoder', 'tgt', tgt);
    checkTensor('TransformerDecoder', 'memory', memory);
    let output = tgt;
    for (const layer of this.layers) output = runLayer(layer, [output, memory], options);
    return this.norm === null ? output : call(this.norm, output);
  }
}

/** Options of Transformer. */
export interface TransformerOptions extends TransformerLayerOptions {
  /** Features. Default 512. */
  dModel?: number;
  /** Heads of each attention. Default 8. */
  nhead?: number;
  /** Default 6. */
  numEncoderLayers?: number;
  /** Default 6. */
  numDecoderLayers?: number;
  /** In the encoder's place. */
  customEncoder?: Module | null;
  /** In the decoder's place. */
  customDecoder?: Module | null;
}

/** What a Transformer takes in order. */
type TransformerPositions = [
  dModel?: number,
  nhead?: number,
  numEncoderLayers?: number,
  numDecoderLayers?: number,
  dimFeedforward?: number,
  dropout?: number,
];

type TransformerValues = Required<Omit<TransformerOptions, keyof PlaceOptions>> & PlaceValues;

const SIGNATURE = new Signature<TransformerValues>(
  {
    dModel: whole(1, 512),
    nhead: whole(1, 8),
    numEncoderLayers: wholeWithin(1, MOST_LAYERS, 6),
    numDecoderLayers: wholeWithin(1, MOST_LAYERS, 6),
    dimFeedforward: whole(1, 2048),
    dropout: real(0.1),
    activation: unchecked<TransformerActivation>('relu'),
    customEncoder: maybeModule,
    customDecoder: maybeModule,
    layerNormEps: real(1e-5),
    batchFirst: flag(),
    normFirst: flag(),
    bias: flag(true),
    ...PLACE_ARGUMENTS,
  },
  ['dModel', 'nhead', 'numEncoderLayers', 'numDecoderLayers', 'dimFeedforward', 'dropout'],
);

/** Masks of a Transformer. */
export interface TransformerMasks extends DecoderMasks {
  srcMask?: Tensor | null;
  srcKeyPaddingMask?: Tensor | null;
  srcIsCausal?: boolean;
}

/**
 * The Transformer of "Attention Is All You Need": an encoder and a decoder.
 *
 * @example
 * const model = new nn.Transformer(512, 8, { numEncoderLayers: 2, numDecoderLayers: 2 });
 * const tgtMask = nn.Transformer.generateSquareSubsequentMask(20);
 * model.forward(randn([10, 2, 512]), randn([20, 2, 512]), { tgtMask });
 */
export class Transformer extends Module {
  encoder: Module;
  decoder: Module;
  readonly dModel: number;
  readonly nhead: number;
  readonly batchFirst: boolean;

  constructor(...given: Call<TransformerPositions, TransformerOptions>) {
    super();
    const values = SIGNATURE.read('Transformer', given);
    const { dModel, nhead, numEncoderLayers, numDecoderLayers, customEncoder, customDecoder, ...rest } =
      values;
    const { device, dtype, ...others } = rest;
    const layer = { ...others, ...tensorOptions({ device, dtype }) };
    const { layerNormEps: eps, bias } = layer;
    const norm = (): LayerNorm => new LayerNorm(dModel, { eps, bias, ...tensorOptions({ device, dtype }) });
    this.encoder =
      customEncoder ??
      new TransformerEncoder(new TransformerEncoderLayer(dModel, nhead, layer), numEncoderLayers, {
        norm: norm(),
      });
    this.decoder =
      customDecoder ??
      new TransformerDecoder(new TransformerDecoderLayer(dModel, nhead, layer), numDecoderLayers, {
        norm: norm(),
      });
    this.dModel = dModel;
    this.nhead = nhead;
    this.batchFirst = layer.batchFirst;
    this.resetParameters();
  }

  /** Draws all matrices anew, by Xavier. */
  resetParameters(): void {
    for (const parameter of this.parameters()) if (parameter.dim() > 1) init.xavierUniform_(parameter);
  }

  /**
   * @param src (S, N, dModel), with `batchFirst` (N, S, dModel), or (S, dModel). @param tgt The same with T.
   * @returns A tensor of the shape of `tgt`.
   */
  forward(src: Tensor, tgt: Tensor, options: TransformerMasks = {}): Tensor {
    checkNamed('Transformer.forward', options, MASKS);
    this.checkInputs(src, tgt);
    const { srcMask = null, srcKeyPaddingMask = null, srcIsCausal = false, ...rest } = options;
    const memory = runLayer(this.encoder, [src], { mask: srcMask, srcKeyPaddingMask, isCausal: srcIsCausal });
    return runLayer(this.decoder, [tgt, memory], rest);
  }

  private checkInputs(src: Tensor, tgt: Tensor): void {
    for (const [name, x] of Object.entries({ src, tgt })) {
      checkTensor('Transformer', name, x);
      if (x.shape.at(-1) === this.dModel) continue;
      throw new RangeError(
        `Expected ${this.dModel} features for Transformer argument "${name}", got shape [${x.shape}]`,
      );
    }
    const at = this.batchFirst ? 0 : 1;
    if (src.dim() !== 3 || src.shape[at] === tgt.shape[at]) return;
    throw new RangeError(
      `Expected one batch size for Transformer arguments "src" and "tgt", got shapes [${src.shape}] and [${tgt.shape}]`,
    );
  }

  /** (size, size): minus infinity above the diagonal, where a step would look ahead, else zero. */
  static generateSquareSubsequentMask(
    size: number,
    options: { device?: Device; dtype?: DType } = {},
  ): Tensor {
    checkPositions('generateSquareSubsequentMask', arguments, 2);
    checkOptions('generateSquareSubsequentMask', options, ['device', 'dtype']);
    return full([size, size], Number.NEGATIVE_INFINITY, tensorOptions(options)).triu(1);
  }
}
