import { ops, type Tensor } from '../../tensor/index.ts';
import { type Call, dimension, flag, real, Signature } from '../arguments.ts';
import { defineFunction } from './define.ts';

/** Options of `cosineSimilarity`. */
export interface CosineSimilarityOptions {
  /** Along which dimension vectors lie. Default 1. */
  dim?: number;
  /** The least product of norms that is divided by. Default 1e-8. */
  eps?: number;
}

/** The arguments of the cosine similarity, of function and layer. */
export const COSINE_SIMILARITY = new Signature<Required<CosineSimilarityOptions>>({
  dim: dimension(1),
  eps: real(1e-8),
});

/** Cosine of the angle between vectors along `dim`: 1 for the same direction, -1 for opposite ones. */
export function cosineSimilarity(
  x1: Tensor,
  x2: Tensor,
  ...given: Call<[dim?: number, eps?: number], CosineSimilarityOptions>
): Tensor {
  const { dim, eps } = COSINE_SIMILARITY.read('cosineSimilarity', given);
  return ops.aten.cosine_similarity(x1, x2, dim, eps);
}

/** Options of `pairwiseDistance`. */
export interface PairwiseDistanceOptions {
  /** Which norm. Default 2. */
  p?: number;
  /** Added to each difference. Default 1e-6. */
  eps?: number;
  /** Keep the last dimension, with size 1. Default false. */
  keepdim?: boolean;
}

/** The arguments of the pairwise distance, of function and layer. */
export const PAIRWISE_DISTANCE = new Signature<Required<PairwiseDistanceOptions>>({
  p: real(2),
  eps: real(1e-6),
  keepdim: flag(),
});

/** p-norm of `x1 - x2 + eps` along the last dimension. */
export function pairwiseDistance(
  x1: Tensor,
  x2: Tensor,
  ...given: Call<[p?: number, eps?: number], PairwiseDistanceOptions>
): Tensor {
  const { p, eps, keepdim } = PAIRWISE_DISTANCE.read('pairwiseDistance', given);
  return ops.aten.pairwise_distance(x1, x2, p, eps, keepdim);
}

/** p-norms (default 2) between all rows of a matrix, each pair once: (N, M) -> (N (N - 1) / 2). */
export const pdist = defineFunction<[p?: number], { p?: number }, { p: number }>(
  'pdist',
  { p: real(2) },
  (x, { p }) => ops.aten.pdist(x, p),
);
