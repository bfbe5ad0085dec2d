import type { Tensor } from '../../tensor/index.ts';
import * as F from '../functional/distance.ts';
import { defineLayer } from './define.ts';

type Two = [x1: Tensor, x2: Tensor];
type Cosine = F.CosineSimilarityOptions;
type Distance = F.PairwiseDistanceOptions;

/** Cosine of the angle between vectors along `dim` (default 1). */
export class CosineSimilarity extends defineLayer<
  [dim?: number, eps?: number],
  Cosine,
  Required<Cosine>,
  Two
>(
  F.COSINE_SIMILARITY,
  ({ dim, eps }, x1, x2) => F.cosineSimilarity(x1, x2, dim, eps),
  () => '',
) {}

/** p-norm (default 2) of the difference of vectors, which lie along the last dimension. */
export class PairwiseDistance extends defineLayer<
  [p?: number, eps?: number],
  Distance,
  Required<Distance>,
  Two
>(
  F.PAIRWISE_DISTANCE,
  ({ p, eps, keepdim }, x1, x2) => F.pairwiseDistance(x1, x2, p, eps, { keepdim }),
  () => '',
) {}
