import type { Tensor } from '../../tensor/index.ts';
import { type DistanceRows, FeatureDistances, type Metric, normalised } from './distance-rows.ts';
import { roundHalf } from './half.ts';
import { halfCount, type NeighbourCounts } from './k-reciprocal.ts';
import { pairwiseSum } from './pairwise-sum.ts';

/** What differs between the published programs. */
export interface RerankForm {
  /** Distances of all images to all: neighbours and weights come from these. */
  readonly all: DistanceRows;
  /** What the queries' distances to all images are before re-ranking: part of the result. */
  readonly original: DistanceRows;
  readonly counts: NeighbourCounts;
  /** Rounds a stored number. */
  readonly round: (value: number) => number;
  /** Weights of an image's neighbours, of which these are the distances. */
  weights(distances: Float32Array): Float32Array;
  /** Of the sum of the smaller weights. */
  jaccard(sum: number): number;
  /** The result, of the Jaccard distance and the original one. */
  mix(jaccard: number, original: number): number;
}

/** What {@link rerankForm} needs. */
export interface FormOptions {
  k1: number;
  lambda: number;
  metric: Metric;
}

const { fround, exp } = Math;

/**
 * reid-strong-baseline: squared distances divided by the largest of each column, weights and Jaccard distances in float16.
 */
export function strongBaselineForm(query: Tensor, all: Tensor, options: FormOptions): RerankForm {
  const features = options.metric === 'cosine' ? [normalised(query), normalised(all)] : [query, all];
  const source = new ScaledRows(
    new FeatureDistances(features[1] as Tensor, features[1] as Tensor, 'euclidean'),
  );
  const share = roundHalf(1 - options.lambda);
  const lambda = fround(options.lambda);
  return {
    ...zhong(source, options),
    round: roundHalf,
    jaccard: (sum) => roundHalf(1 - roundHalf(sum / roundHalf(2 - sum))),
    mix: (jaccard, original) => fround(roundHalf(jaccard * share) + fround(original * lambda)),
  };
}

/** The same in float32 over distances that are given: `re_ranking` of deep-person-reid and of fast-reid's `rerank.py`. */
export function distancesForm(rows: DistanceRows, { k1, lambda }: FormOptions): RerankForm {
  const source = new ScaledRows(rows);
  const share = fround(1 - lambda);
  return {
    ...zhong(source, { k1 }),
    round: fround,
    jaccard: (sum) => fround(1 - fround(sum / fround(2 - sum))),
    mix: (jaccard, original) => fround(fround(jaccard * share) + fround(original * fround(lambda))),
  };
}

function zhong(source: DistanceRows, { k1 }: { k1: number }) {
  return {
    all: source,
    original: source,
    counts: { full: k1 + 1, half: halfCount(k1) },
    weights: (distances: Float32Array) => {
      const weights = distances.map((distance) => exp(-distance));
      const sum = pairwiseSum(weights);
      return weights.map((weight) => weight / sum);
    },
  };
}

/**
 * fast-reid's evaluator: `k1` neighbours, weights by softmax of distances as they are, everything in float32, mixed with the
 * distances of its metric.
 */
export function fastReidForm(query: Tensor, all: Tensor, { k1, lambda, metric }: FormOptions): RerankForm {
  const features = metric === 'cosine' ? normalised(all) : all;
  const share = fround(1 - lambda);
  return {
    all: new FeatureDistances(features, features, 'euclidean'),
    original: new FeatureDistances(query, all, metric),
    counts: { full: k1, half: halfCount(k1) },
    round: fround,
    weights: softmaxOfNegative,
    jaccard: (sum) => Math.max(0, fround(1 - fround(sum / fround(2 - sum)))),
    mix: (jaccard, original) => fround(fround(jaccard * share) + fround(original * fround(lambda))),
  };
}

function softmaxOfNegative(distances: Float32Array): Float32Array {
  const least = distances.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const weights = Float64Array.from(distances, (distance) => exp(least - distance));
  const sum = weights.reduce((a, b) => a + b, 0);
  return Float32Array.from(weights, (weight) => weight / sum);
}

/** Each row divided by its largest distance. A row of zeros stays one, where the published programs divide by zero. */
class ScaledRows implements DistanceRows {
  readonly queries: number;
  readonly gallery: number;
  readonly #rows: DistanceRows;

  constructor(rows: DistanceRows) {
    this.#rows = rows;
    this.queries = rows.queries;
    this.gallery = rows.gallery;
  }

  rows(start: number, end: number): Float32Array {
    const block = this.#rows.rows(start, end);
    for (let at = 0; at < block.length; at += this.gallery) scale(block.subarray(at, at + this.gallery));
    return block;
  }
}

function scale(row: Float32Array): void {
  let most = Number.NEGATIVE_INFINITY;
  for (let column = 0; column < row.length; column++) {
    if ((row[column] as number) > most) most = row[column] as number;
  }
  if (most === 0) return;
  for (let column = 0; column < row.length; column++) row[column] = (row[column] as number) / most;
}
