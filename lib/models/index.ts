/** IBN-Net models and the layers they are made of. */
import { setNetworkHint } from '../nn/loading/load-hint.ts';
import { registerOwnClasses } from '../tensor/own-code.ts';
import * as globalAvgPool from './blocks/global-avg-pool.ts';
import * as ibn from './blocks/ibn.ts';
import * as residualBlocks from './blocks/residual-blocks.ts';
import * as seLayer from './blocks/se-layer.ts';
import * as features from './features.ts';
import { networkHint } from './network-hint.ts';
import * as densenetIbn from './networks/densenet-ibn.ts';
import * as resnetIbn from './networks/resnet-ibn.ts';
import * as resnextIbn from './networks/resnext-ibn.ts';

export { GlobalAvgPool2d } from './blocks/global-avg-pool.ts';
export { IBN, IBN_c, IBN_d } from './blocks/ibn.ts';
export type { IBNConfig, IBNPlacement } from './blocks/placement.ts';
export {
  BasicBlock_IBN,
  type BlockClass,
  type BlockOptions,
  Bottleneck_IBN,
} from './blocks/residual-blocks.ts';
export type { StrideOptions } from './blocks/residual-stages.ts';
export { SELayer } from './blocks/se-layer.ts';
export { createFeatureExtractor, FeatureExtractor, type FeatureInfo, type FeatureModel } from './features.ts';
export * from './networks/densenet.ts';
export {
  DenseIBN,
  DenseLayer,
  DenseNet_IBN,
  type DenseNetEntryOptions,
  type DenseNetIBNConfig,
  type DenseNetIBNOptions,
  densenet121_ibn_a,
  densenet161_ibn_a,
  densenet169_ibn_a,
  densenet201_ibn_a,
} from './networks/densenet-ibn.ts';
export * from './networks/resnet.ts';
export {
  type Depths,
  type EntryOptions,
  ResNet_IBN,
  type ResNetIBNOptions,
  resnet18_ibn_a,
  resnet18_ibn_b,
  resnet34_ibn_a,
  resnet34_ibn_b,
  resnet50_ibn_a,
  resnet50_ibn_b,
  resnet101_ibn_a,
  resnet101_ibn_b,
  resnet152_ibn_a,
  resnet152_ibn_b,
} from './networks/resnet-ibn.ts';
export * from './networks/resnext.ts';
export * from './networks/resnext-ibn.ts';
export * from './networks/se-resnet.ts';
export {
  SEBottleneck_IBN,
  SEResNet_IBN,
  se_resnet50_ibn_a,
  se_resnet101_ibn_a,
  se_resnet152_ibn_a,
} from './networks/se-resnet-ibn.ts';
export type { Operations } from './operations.ts';
export { type PretrainedLoader, type PretrainedOption, setPretrainedLoader } from './pretrained.ts';
export {
  getModel,
  type ImageModel,
  type ListOptions,
  listModels,
  type ModelEntry,
  type ModelName,
  type ModelOf,
  type ModelOptions,
  type OptionsOf,
} from './registry.ts';
export { type LayerSummary, ModelSummary, type SummaryOptions, summary } from './summary.ts';
export {
  type ErrorRates,
  type Preprocessing,
  type PublishedWeights,
  publishedWeights,
  RELEASE_URL,
} from './weights.ts';

registerOwnClasses(densenetIbn, features, globalAvgPool, ibn, residualBlocks, resnetIbn, resnextIbn, seLayer);
setNetworkHint(networkHint);
