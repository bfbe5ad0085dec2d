/** torch.nn.functional: layers without state. */
export type { OutputSize, Reduction, Size1, Size2, Size3 } from '../sizes.ts';
export * from './activation.ts';
export {
  type AttentionOptions,
  type MultiHeadAttentionOptions,
  multiHeadAttentionForward,
  type ScaledDotProductAttentionOptions,
  scaledDotProductAttention,
} from './attention.ts';
export {
  type ConvFunctionOptions,
  type ConvTransposeFunctionOptions,
  conv1d,
  conv2d,
  conv3d,
  convTbc,
  convTranspose1d,
  convTranspose2d,
  convTranspose3d,
  type FoldOptions,
  fold,
  unfold,
} from './convolution.ts';
export {
  type CosineSimilarityOptions,
  cosineSimilarity,
  type PairwiseDistanceOptions,
  pairwiseDistance,
  pdist,
} from './distance.ts';
export {
  alphaDropout,
  type DropoutFunctionOptions,
  dropout,
  dropout1d,
  dropout2d,
  dropout3d,
  featureAlphaDropout,
} from './dropout.ts';
export {
  type EmbeddingBagFunctionOptions,
  type EmbeddingBagMode,
  type EmbeddingFunctionOptions,
  embedding,
  embeddingBag,
  oneHot,
} from './embedding.ts';
export {
  type InterpolateMode,
  type InterpolateOptions,
  interpolate,
  type UpsampleOptions,
  upsample,
  upsampleBilinear,
  upsampleNearest,
} from './interpolate.ts';
export * from './linear.ts';
export {
  type CrossEntropyOptions,
  type CrossEntropyPositions,
  crossEntropy,
  type MultiMarginLossOptions,
  type MultiMarginLossPositions,
  multilabelMarginLoss,
  multilabelSoftMarginLoss,
  multiMarginLoss,
  type NllLossOptions,
  type NllLossPositions,
  nllLoss,
  softMarginLoss,
} from './losses/classes.ts';
export {
  type BceWithLogitsOptions,
  type BceWithLogitsPositions,
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
  type CtcLossOptions,
  type CtcLossPositions,
  ctcLoss,
  type GaussianNllLossOptions,
  gaussianNllLoss,
  type HuberLossOptions,
  huberLoss,
  type KlDivOptions,
  type KlDivPositions,
  klDiv,
  type LossOptions,
  l1Loss,
  mseLoss,
  type PoissonNllLossOptions,
  poissonNllLoss,
  type SmoothL1LossOptions,
  type SmoothL1LossPositions,
  smoothL1Loss,
  type WeightedLossOptions,
} from './losses/elements.ts';
export {
  cosineEmbeddingLoss,
  hingeEmbeddingLoss,
  type MarginLossOptions,
  type MarginLossPositions,
  marginRankingLoss,
  type TripletMarginLossOptions,
  type TripletMarginLossPositions,
  type TripletMarginWithDistanceLossOptions,
  tripletMarginLoss,
  tripletMarginWithDistanceLoss,
} from './losses/embeddings.ts';
export {
  type LinearCrossEntropyLossOptions,
  type LinearCrossEntropyOptions,
  linearCrossEntropy,
} from './losses/linear-cross-entropy.ts';
export {
  type AffineOptions,
  batchNorm,
  groupNorm,
  instanceNorm,
  type LocalResponseNormOptions,
  layerNorm,
  localResponseNorm,
  type NormalizeOptions,
  type NormOptions,
  normalize,
  type RMSNormFunctionOptions,
  rmsNorm,
} from './normalization.ts';
export * from './padding.ts';
export { type LPPoolOptions, lpPool1d, lpPool2d, lpPool3d } from './pooling/lp.ts';
export {
  type AvgPoolNdOptions,
  type AvgPoolOptions,
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveAvgPool3d,
  adaptiveMaxPool1d,
  adaptiveMaxPool1dWithIndices,
  adaptiveMaxPool2d,
  adaptiveMaxPool2dWithIndices,
  adaptiveMaxPool3d,
  adaptiveMaxPool3dWithIndices,
  avgPool1d,
  avgPool2d,
  avgPool3d,
  type MaxPoolOptions,
  maxPool1d,
  maxPool1dWithIndices,
  maxPool2d,
  maxPool2dWithIndices,
  maxPool3d,
  maxPool3dWithIndices,
  type Pooled,
} from './pooling/pooling.ts';
export {
  type FractionalMaxPoolOptions,
  fractionalMaxPool2d,
  fractionalMaxPool2dWithIndices,
  fractionalMaxPool3d,
  fractionalMaxPool3dWithIndices,
  type MaxUnpoolFunctionOptions,
  type MaxUnpoolOptions,
  maxUnpool1d,
  maxUnpool2d,
  maxUnpool3d,
} from './pooling/unpooling.ts';
export * from './softmax.ts';
export * from './vision.ts';
