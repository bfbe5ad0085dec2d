/** Layers and networks, with torch.nn's names. */
import { registerOwnClasses } from '../tensor/own-code.ts';
import * as activation from './layers/activation.ts';
import * as container from './layers/container.ts';
import * as conv from './layers/conv.ts';
import * as distance from './layers/distance.ts';
import * as dropout from './layers/dropout.ts';
import * as embedding from './layers/embedding.ts';
import * as fold from './layers/fold.ts';
import * as layerNorm from './layers/layer-norm.ts';
import * as linear from './layers/linear.ts';
import * as adaptiveSoftmax from './layers/losses/adaptive-softmax.ts';
import * as linearLoss from './layers/losses/linear-cross-entropy.ts';
import * as loss from './layers/losses/losses.ts';
import * as tripletLoss from './layers/losses/triplet.ts';
import * as norm from './layers/norm.ts';
import * as padding from './layers/padding.ts';
import * as parameterContainer from './layers/parameter-container.ts';
import * as pooling from './layers/pooling.ts';
import * as recurrentCells from './layers/recurrent/cells.ts';
import * as recurrent from './layers/recurrent/recurrent.ts';
import * as shape from './layers/shape.ts';
import * as syncBatchNorm from './layers/sync-batch-norm.ts';
import * as attention from './layers/transformer/attention.ts';
import * as transformerLayers from './layers/transformer/encoder-decoder.ts';
import * as transformer from './layers/transformer/transformer.ts';
import * as upsample from './layers/upsample.ts';
import * as parametrize from './utils/parametrize.ts';

export * as functional from './functional/index.ts';
export * as init from './init/init.ts';
export * from './layers/activation.ts';
export { ModuleDict, ModuleList, Sequential } from './layers/container.ts';
export * from './layers/conv.ts';
export * from './layers/distance.ts';
export * from './layers/dropout.ts';
export * from './layers/embedding.ts';
export * from './layers/fold.ts';
export * from './layers/layer-norm.ts';
export * from './layers/linear.ts';
export * from './layers/losses/adaptive-softmax.ts';
export * from './layers/losses/linear-cross-entropy.ts';
export * from './layers/losses/losses.ts';
export * from './layers/losses/triplet.ts';
export * from './layers/norm.ts';
export * from './layers/padding.ts';
export { ParameterDict, ParameterList } from './layers/parameter-container.ts';
export * from './layers/pooling.ts';
export type { RecurrentOptions } from './layers/recurrent/base.ts';
export * from './layers/recurrent/cells.ts';
export {
  GRU,
  LSTM,
  type LSTMOptions,
  type RecurrentNonlinearity,
  RNN,
  type RNNOptions,
} from './layers/recurrent/recurrent.ts';
export * from './layers/shape.ts';
export { SyncBatchNorm, type SyncBatchNormOptions } from './layers/sync-batch-norm.ts';
export { MultiheadAttention, type MultiheadAttentionOptions } from './layers/transformer/attention.ts';
export {
  type DecoderMasks,
  type EncoderLayerMasks,
  TransformerDecoderLayer,
  TransformerEncoderLayer,
} from './layers/transformer/encoder-decoder.ts';
export type { TransformerActivation, TransformerLayerOptions } from './layers/transformer/parts.ts';
export * from './layers/transformer/transformer.ts';
export * from './layers/upsample.ts';
export type { LoadOptions, LoadResult, StateDictLike } from './loading/load-state-dict.ts';
export { type ModuleMetadata, StateDict, StateDictError } from './loading/state-dict.ts';
export type { FullBackwardHook, FullBackwardPreHook, ModuleGradients } from './module/backward-hooks.ts';
export type { ModuleTarget } from './module/convert.ts';
export type { ForwardHook, ForwardPreHook, HookHandle } from './module/hooks.ts';
export { Module } from './module/module.ts';
export { Parameter } from './module/parameter.ts';
export type {
  IncompatibleKeys,
  LoadContext,
  LoadStateDictPostHook,
  LoadStateDictPreHook,
  StateDictPostHook,
  StateDictPreHook,
} from './module/state-hooks.ts';
export type { MemberOptions } from './module/tree.ts';
export * as parallel from './parallel/index.ts';
export type {
  Dims,
  OutputSize,
  OutputSizes,
  Reduction,
  Sides,
  Size,
  Size1,
  Size2,
  Size3,
  Tuple,
} from './sizes.ts';
export * as utils from './utils/index.ts';

registerOwnClasses(
  activation,
  adaptiveSoftmax,
  attention,
  container,
  conv,
  distance,
  dropout,
  embedding,
  fold,
  layerNorm,
  linear,
  linearLoss,
  loss,
  norm,
  padding,
  parameterContainer,
  parametrize,
  pooling,
  recurrent,
  recurrentCells,
  shape,
  syncBatchNorm,
  transformer,
  transformerLayers,
  tripletLoss,
  upsample,
);
