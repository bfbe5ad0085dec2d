/** Studies of what instance normalisation does to features. */
export { type Divergence, type DivergenceOptions, divergence } from './divergence.ts';
export { depthFeatures, featureMoments } from './feature-moments.ts';
export { ChannelMoments } from './moments.ts';
export { type JudgedDepth, judgeDepth, type MeasuredDepth } from './paper/fig5.ts';
export {
  type ClaimVerdict,
  type JudgedClaim,
  judgeClaims,
  type MeasuredRun,
  type Sample,
  sampleOf,
} from './paper/judge.ts';
export { type Claim, PAPER_TABLES, type PublishedRow, type PublishedTable } from './paper/tables.ts';
export { buildVariant, networkOf, VARIANTS, type Variant, type VariantDepth } from './paper/variants.ts';
