/** Studies of what instance normalisation does to features. */
export { type Divergence, type DivergenceOptions, divergence } from './divergence.ts';
export { depthFeatures, featureMoments } from './feature-moments.ts';
export { ChannelMoments } from './moments.ts';
