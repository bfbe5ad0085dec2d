import { checkFlag, checkOptions, checkPositions } from '../../options.ts';
import type { Tensor } from '../../tensor/index.ts';
import {
  checkMetric,
  type DistanceRows,
  distanceMatrix,
  FeatureDistances,
  featurePair,
  forEachRow,
  MatrixDistances,
  type Metric,
} from './distance-rows.ts';
import type { Features } from './features.ts';
import { encodeLabels, type Labels } from './labels.ts';
import { type EncodedLabels, GallerySplitter, MatchRanker } from './match-ranks.ts';
import { checkRerankOptions, RerankedDistances, type RerankOptions } from './rerank.ts';
import { expectedSingleShot } from './single-shot.ts';

/** Who is on the images, and which camera took each. */
export interface RankingLabels {
  queryIds: Labels;
  galleryIds: Labels;
  queryCameras: Labels;
  galleryCameras: Labels;
}

/** Features to rank by, or distances. */
export interface RankingInputs extends RankingLabels {
  /** (Q, D) */
  queryFeatures?: Features;
  /** (G, D) */
  galleryFeatures?: Features;
  /** (Q, G), in place of features: a smaller one is nearer. */
  distances?: Tensor;
  /** Default 'euclidean'. */
  metric?: Metric;
  /** Re-ranks by k-reciprocal neighbours before evaluating. */
  rerank?: RerankOptions | boolean;
}

/** Options of {@link evaluateRanking}. */
export interface RankingOptions extends RankingInputs {
  /** How many places of the CMC curve; no more than the gallery has images. Default 50. */
  maxRank?: number;
  /**
   * CUHK03's protocol: of each identity one image of the gallery takes part. The curve is the exact mean over all ways
   * to choose them, where the published programs average ten draws; mAP and mINP are over the whole gallery, as theirs.
   */
  singleGalleryShot?: boolean;
}

/** Figures of a ranking, from 0 to 1. */
export interface RankingResult {
  /** Share of queries with a match among the first r + 1 images, for r from 0. */
  cmc: number[];
  /** Mean over queries of the average precision. */
  mAP: number;
  /** Mean over queries of matches / (position of the last match). */
  mINP: number;
  /** Queries with a match in the gallery. The others count for nothing. */
  valid: number;
}

/** What became of one query. */
export interface QueryResult {
  readonly query: number;
  /** Positions of the matches in the ranking, ascending, from 0. */
  readonly ranks: Int32Array;
  readonly averagePrecision: number;
  readonly inverseNegativePenalty: number;
}

const INPUTS = ['queryFeatures', 'galleryFeatures', 'distances', 'metric', 'rerank'] as const;
const LABELS = ['queryIds', 'galleryIds', 'queryCameras', 'galleryCameras'] as const;

/**
 * CMC, mAP and mINP of a retrieval: the protocol of Market-1501, as reid-strong-baseline, fast-reid and deep-person-reid
 * compute it. Gallery images of the query's identity and camera are left out; all others stay, whatever their identity
 * (distractors `0`, and `-1` too: the data sets drop those). Equal distances rank by the gallery's order.
 *
 * Distances are computed in blocks: memory is that of the features and 128 MiB.
 *
 * @throws RangeError where no query has a match, for features that are not finite, and labels of another number
 * @example
 * const { cmc, mAP } = reid.evaluateRanking({
 *   queryFeatures: tensor([[1, 0]]),
 *   galleryFeatures: tensor([[0, 1], [1, 0.1], [1, 0]]),
 *   queryIds: [7],
 *   galleryIds: [7, 7, 8],
 *   queryCameras: [1],
 *   galleryCameras: [2, 2, 2],
 * });
 * cmc[0]; // 0: the nearest image shows another identity
 * mAP; // (1 / 2 + 2 / 3) / 2
 */
export function evaluateRanking(options: RankingOptions): RankingResult {
  checkPositions('evaluateRanking', arguments, 1);
  checkOptions('evaluateRanking', options, [...INPUTS, ...LABELS, 'maxRank', 'singleGalleryShot']);
  const { maxRank = 50, singleGalleryShot = false } = options;
  checkMaxRank(maxRank);
  checkFlag('evaluateRanking singleGalleryShot', singleGalleryShot);
  return withDistances('evaluateRanking', options, (source, labels) => {
    const splitter = new GallerySplitter(labels);
    const curve = new Float64Array(Math.min(maxRank, source.gallery));
    const sums = { precision: 0, penalty: 0, valid: 0 };
    eachQuery(source, splitter, (result, distances) => {
      sums.valid++;
      sums.precision += result.averagePrecision;
      sums.penalty += result.inverseNegativePenalty;
      if (singleGalleryShot) expectedSingleShot(curve, distances, splitter, result.query);
      else addOnes(curve, result.ranks[0] as number);
    });
    const { valid } = sums;
    if (valid === 0) throw noMatches(source.queries);
    const cmc = Array.from(curve, (count) => count / valid);
    return { cmc, mAP: sums.precision / valid, mINP: sums.penalty / valid, valid };
  });
}

/**
 * The same for each query that has a match: positions of its matches, average precision, inverse negative penalty.
 *
 * @throws as {@link evaluateRanking}, but not where no query has a match
 */
export function rankQueries(options: RankingInputs): QueryResult[] {
  checkPositions('rankQueries', arguments, 1);
  checkOptions('rankQueries', options, [...INPUTS, ...LABELS]);
  const results: QueryResult[] = [];
  withDistances('rankQueries', options, (source, labels) =>
    eachQuery(source, new GallerySplitter(labels), (result) => results.push(result)),
  );
  return results;
}

/** Calls `visit` for every query with a match. */
function eachQuery(
  source: DistanceRows,
  splitter: GallerySplitter,
  visit: (result: QueryResult, distances: Float32Array) => void,
): void {
  const ranker = new MatchRanker();
  forEachRow(source, (query, distances) => {
    const split = splitter.of(query);
    if (split.matches.length === 0) return;
    const ranks = ranker.ranks(distances, split);
    const inverseNegativePenalty = ranks.length / ((ranks.at(-1) as number) + 1);
    visit({ query, ranks, averagePrecision: averagePrecision(ranks), inverseNegativePenalty }, distances);
  });
}

function averagePrecision(ranks: Int32Array): number {
  let sum = 0;
  ranks.forEach((rank, match) => {
    sum += (match + 1) / (rank + 1);
  });
  return sum / ranks.length;
}

function addOnes(curve: Float64Array, from: number): void {
  for (let rank = from; rank < curve.length; rank++) (curve[rank] as number)++;
}

/** Checks the inputs, and gives the distances and the labels to `use`; what was made is freed after it. */
export function withDistances<T>(
  owner: string,
  options: RankingInputs,
  use: (source: DistanceRows, labels: EncodedLabels) => T,
): T {
  const source = distancesOf(owner, options);
  const sizes = [source.queries, source.gallery] as const;
  const { queryIds, galleryIds, queryCameras, galleryCameras } = options;
  const [ids, imageIds] = encodeLabels(
    [`${owner} queryIds`, queryIds],
    [`${owner} galleryIds`, galleryIds],
    sizes,
  );
  const [cameras, imageCameras] = encodeLabels(
    [`${owner} queryCameras`, queryCameras],
    [`${owner} galleryCameras`, galleryCameras],
    sizes,
  );
  return use(source, {
    queryIds: ids,
    galleryIds: imageIds,
    queryCameras: cameras,
    galleryCameras: imageCameras,
  });
}

function distancesOf(owner: string, options: RankingInputs): DistanceRows {
  const { queryFeatures, galleryFeatures, distances, metric, rerank = false } = options;
  if (distances !== undefined) {
    const given = INPUTS.find((name) => name !== 'distances' && options[name] !== undefined);
    if (given === undefined) return new MatrixDistances(distanceMatrix(`${owner} distances`, distances));
    throw new RangeError(`Expected distances alone for ${owner}, got ${given} too; leave one out`);
  }
  if (queryFeatures === undefined || galleryFeatures === undefined) {
    throw new TypeError(
      `Expected queryFeatures and galleryFeatures, or distances, for ${owner}, got neither`,
    );
  }
  const [query, gallery] = featurePair(owner, queryFeatures, galleryFeatures);
  if (metric !== undefined) checkMetric(owner, metric);
  if (rerank === false) return new FeatureDistances(query, gallery, metric ?? 'euclidean');
  return rerankedOf(owner, [query, gallery], rerank, metric);
}

function rerankedOf(
  owner: string,
  [query, gallery]: [Tensor, Tensor],
  rerank: unknown,
  metric: Metric | undefined,
): DistanceRows {
  const options = rerank === true ? {} : (rerank as RerankOptions);
  const checked = checkRerankOptions(`${owner} rerank`, {
    ...(metric === undefined ? {} : { metric }),
    ...options,
  });
  return new RerankedDistances(query, gallery, checked);
}

function checkMaxRank(maxRank: unknown): void {
  if (Number.isInteger(maxRank) && (maxRank as number) >= 1) return;
  throw new RangeError(`Expected a whole number from 1 for evaluateRanking maxRank, got ${maxRank}`);
}

function noMatches(queries: number): RangeError {
  return new RangeError(
    `Expected a query whose identity is in the gallery on another camera, got none among ${queries}; check ids and cameras`,
  );
}
