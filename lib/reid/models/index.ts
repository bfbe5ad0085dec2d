/** Networks for re-identification, with the keys and numbers of the published ones. */
import { registerOwnClasses } from '../../tensor/own-code.ts';
import * as nonLocal from './backbones/non-local.ts';
import * as osnetBackbone from './backbones/osnet.ts';
import * as osnetBlocks from './backbones/osnet-blocks.ts';
import * as resnet from './backbones/resnet.ts';
import * as senet from './backbones/senet.ts';
import * as fastReid from './fast-reid.ts';
import * as embeddingHead from './heads/embedding-head.ts';
import * as softmax from './heads/softmax.ts';
import * as mgnNetwork from './mgn.ts';
import * as osnet from './osnet.ts';
import * as pooling from './pooling/pooling.ts';
import * as strongBaseline from './strong-baseline.ts';

export type { BackboneOptions } from './backbones/fast-reid.ts';
export { NonLocal } from './backbones/non-local.ts';
export {
  OSNET_CHANNELS,
  OSNetFeatures,
  type OSNetKind,
  type OSNetSettings,
  type OSNetWidth,
} from './backbones/osnet.ts';
export {
  ChannelGate,
  ConvNorm,
  LightConv3x3,
  LightConvStream,
  OSBlock,
  OSBlockAIN,
} from './backbones/osnet-blocks.ts';
export { ResNetBackbone, type ResNetBackboneSettings } from './backbones/resnet.ts';
export { type SEBlockKind, SEBottleneck, SEModule, SENet, type SENetSettings } from './backbones/senet.ts';
export { type ExtractOptions, extract, type ReIDImage } from './extract.ts';
export { FastReID, type FastReIDOptions } from './fast-reid.ts';
export {
  ClasHead,
  EmbeddingHead,
  type HeadName,
  type HeadOptions,
  type HeadOutputs,
} from './heads/embedding-head.ts';
export type { PixelOptions } from './heads/pixels.ts';
export { ArcSoftmax, CircleSoftmax, type ClsLayer, CosSoftmax, LinearSoftmax } from './heads/softmax.ts';
export type { ReIDLayout } from './layouts/finding.ts';
export { load, loadBackbone, type NetworkOptions, type ReIDLoadOptions, type ReIDModel } from './load.ts';
export { LoadedReID, reidTransform } from './loaded.ts';
export { MGN, type MGNOptions, type MGNOutputs } from './mgn.ts';
export * from './osnet.ts';
export {
  AdaptiveAvgMaxPool,
  ClipGlobalAvgPool,
  FastGlobalAvgPool,
  FlattenPool,
  GeneralizedMeanPooling,
  GeneralizedMeanPoolingP,
  GlobalAvgPool,
  GlobalMaxPool,
  IdentityPool,
  type PoolLayer,
} from './pooling/pooling.ts';
export { agw, bagtricks, mgn, sbs } from './presets.ts';
export { type CreatedModel, type CreateOptions, create, list } from './registry.ts';
export {
  type ScoresAndFeatures,
  STRONG_BASELINE_BACKBONES,
  StrongBaseline,
  type StrongBaselineBackbone,
  type StrongBaselineOptions,
} from './strong-baseline.ts';

registerOwnClasses(
  embeddingHead,
  fastReid,
  mgnNetwork,
  nonLocal,
  osnet,
  osnetBackbone,
  osnetBlocks,
  pooling,
  resnet,
  senet,
  softmax,
  strongBaseline,
);
