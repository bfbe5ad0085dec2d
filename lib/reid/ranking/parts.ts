/** What other rooms of Re-ID use of the ranking's inside. */
export { FeatureDistances, forEachRow, normalised } from './distance-rows.ts';
export { type Features, featureMatrix } from './features.ts';
export { encodeLabels, type Labels } from './labels.ts';
