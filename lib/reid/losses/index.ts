/** Losses of re-identification, as the published code computes them. */
export * from './center.ts';
export * from './classification.ts';
export { cosineDist, euclideanDist } from './distances.ts';
export * from './pairwise.ts';
export * from './triplet.ts';
