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
export * from './class-losses.ts';
export * from './convolution.ts';
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
export * from './embedding-losses.ts';
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
export * from './losses.ts';
export * from './normalization.ts';
export * from './padding.ts';
export * from './pooling.ts';
export * from './softmax.ts';
export * from './vision.ts';
