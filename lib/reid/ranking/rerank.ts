import { checkOptions, checkPositions, describeValue } from '../../options.ts';
import { cat, fromBuffer, noGrad, scope, type Tensor } from '../../tensor/index.ts';
import {
  checkMetric,
  type DistanceRows,
  distanceMatrix,
  featurePair,
  forEachRow,
  type Metric,
} from './distance-rows.ts';
import type { Features } from './features.ts';
import { expandedNeighbours } from './k-reciprocal.ts';
import { KeptRows } from './kept-rows.ts';
import { findNeighbours, type Neighbours } from './neighbours.ts';
import { distancesForm, fastReidForm, type RerankForm, strongBaselineForm } from './rerank-forms.ts';
import { columnsOf, meanOfNeighbours, type SparseRow } from './sparse-rows.ts';

/** Options of {@link rerank}. */
export interface RerankOptions {
  /** Neighbours that count. Default 20. */
  k1?: number;
  /** Neighbours whose weights are averaged; 1 for none. Default 6. */
  k2?: number;
  /** Share of the original distance. Default 0.3. */
  lambda?: number;
  /** Whose arithmetic. Default 'strong-baseline'. */
  form?: 'strong-baseline' | 'fast-reid';
  /**
   * `cosine` gives the features length 1 first. Default 'cosine' for fast-reid, as its configuration's, and 'euclidean' for
   * strong-baseline, whose features have length 1 when they come here.
   */
  metric?: Metric;
}

type Checked = Required<RerankOptions>;

/**
 * Distances of queries to the gallery re-ranked by k-reciprocal encoding (Zhong et al., CVPR 2017), float32 (Q, G), as
 * reid-strong-baseline (`utils/re_ranking.py`) or fast-reid's evaluator (`compute_jaccard_distance`) compute them. The
 * neighbours of all images among all are found: time grows with (Q + G)². Equal distances rank by their order, queries first.
 *
 * The distances of all to all are kept where they take less than 2 GiB, as Market-1501's do, and computed twice where not.
 *
 * @throws RangeError for features that are not finite, `k1` and `k2` under 1, `lambda` outside 0 to 1
 * @example
 * const distances = reid.rerank(queryFeatures, galleryFeatures, { k1: 20, k2: 6, lambda: 0.3 });
 * reid.evaluateRanking({ distances, queryIds, galleryIds, queryCameras, galleryCameras });
 */
export function rerank(
  queryFeatures: Features,
  galleryFeatures: Features,
  options: RerankOptions = {},
): Tensor {
  checkPositions('rerank', arguments, 3);
  const checked = checkRerankOptions('rerank', options);
  const [query, gallery] = featurePair('rerank', queryFeatures, galleryFeatures);
  return matrixOf(new RerankedDistances(query, gallery, checked));
}

/** Options of {@link rerankDistances}. */
export type RerankDistancesOptions = Omit<RerankOptions, 'form' | 'metric'>;

/**
 * The same from distances that are there, which are squared first: `re_ranking` of deep-person-reid and of fast-reid's
 * `rerank.py`.
 *
 * @param queryGallery (Q, G)
 * @param queryQuery (Q, Q)
 * @param galleryGallery (G, G)
 */
export function rerankDistances(
  queryGallery: Tensor,
  queryQuery: Tensor,
  galleryGallery: Tensor,
  options: RerankDistancesOptions = {},
): Tensor {
  checkPositions('rerankDistances', arguments, 4);
  checkOptions('rerankDistances', options, ['k1', 'k2', 'lambda']);
  const checked = checkRerankOptions('rerankDistances', options);
  const rows = new AllDistances(queryGallery, queryQuery, galleryGallery);
  return matrixOf(new Reranked(distancesForm(rows, checked), checked.k2, queryGallery.size(0) as number));
}

/** Fills in the defaults. */
export function checkRerankOptions(owner: string, options: RerankOptions): Checked {
  checkOptions(owner, options, ['k1', 'k2', 'lambda', 'form', 'metric']);
  const { k1 = 20, k2 = 6, lambda = 0.3, form = 'strong-baseline' } = options;
  const { metric = form === 'fast-reid' ? 'cosine' : 'euclidean' } = options;
  checkCount(`${owner} k1`, k1);
  checkCount(`${owner} k2`, k2);
  if (typeof lambda !== 'number' || !(lambda >= 0 && lambda <= 1)) {
    throw new RangeError(`Expected a number from 0 to 1 for ${owner} lambda, got ${describeValue(lambda)}`);
  }
  if (form !== 'strong-baseline' && form !== 'fast-reid') {
    const got = describeValue(form);
    throw new RangeError(`Expected "strong-baseline" or "fast-reid" for ${owner} form, got ${got}`);
  }
  checkMetric(owner, metric);
  return { k1, k2, lambda, form, metric };
}

function checkCount(name: string, count: unknown): void {
  if (Number.isInteger(count) && (count as number) >= 1) return;
  throw new RangeError(`Expected a whole number from 1 for ${name}, got ${describeValue(count)}`);
}

function matrixOf(source: DistanceRows): Tensor {
  const values = new Float32Array(source.queries * source.gallery);
  forEachRow(source, (query, distances) => values.set(distances, query * source.gallery));
  return fromBuffer(values, { shape: [source.queries, source.gallery] });
}

/** Distances that are re-ranked. All the work but the last is done when it is made. */
class Reranked implements DistanceRows {
  readonly queries: number;
  readonly gallery: number;
  readonly #form: RerankForm;
  readonly #rows: readonly SparseRow[];
  readonly #columns: readonly SparseRow[];
  readonly #sums: Float32Array;

  constructor(form: RerankForm, k2: number, queries: number) {
    this.#form = form;
    this.queries = queries;
    this.gallery = form.all.queries - queries;
    const kept = new KeptRows(form.all);
    const neighbours = findNeighbours(kept, Math.max(form.counts.full, k2));
    const weights = neighbourWeights(kept, neighbours, form);
    this.#rows = k2 === 1 ? weights : meanOfNeighbours(weights, neighbours, k2, form.round);
    this.#columns = columnsOf(this.#rows, queries);
    this.#sums = new Float32Array(this.gallery);
  }

  rows(start: number, end: number): Float32Array {
    const mixed = new Float32Array((end - start) * this.gallery);
    const { original } = this.#form;
    const block = original.rows(start, end);
    for (let query = start; query < end; query++) {
      const from = (query - start) * original.gallery + this.queries;
      const target = mixed.subarray((query - start) * this.gallery, (query - start + 1) * this.gallery);
      this.#fill(target, query, block.subarray(from, from + this.gallery));
    }
    return mixed;
  }

  #fill(target: Float32Array, query: number, original: Float32Array): void {
    const sums = this.#sums.fill(0);
    const { columns, values } = this.#rows[query] as SparseRow;
    columns.forEach((column, at) => {
      this.#addSmaller(sums, values[at] as number, this.#columns[column] as SparseRow);
    });
    const { jaccard, mix } = this.#form;
    for (let image = 0; image < target.length; image++) {
      target[image] = mix(jaccard(sums[image] as number), original[image] as number);
    }
  }

  #addSmaller(sums: Float32Array, weight: number, { columns: images, values }: SparseRow): void {
    const { round } = this.#form;
    for (let at = 0; at < images.length; at++) {
      const image = images[at] as number;
      sums[image] = round((sums[image] as number) + Math.min(weight, values[at] as number));
    }
  }
}

/** {@link Reranked} of features. */
export class RerankedDistances extends Reranked {
  constructor(query: Tensor, gallery: Tensor, { k1, k2, lambda, form, metric }: Checked) {
    const all = noGrad(() => cat([query, gallery]));
    const make = form === 'fast-reid' ? fastReidForm : strongBaselineForm;
    super(make(query, all, { k1, lambda, metric }), k2, query.size(0) as number);
  }
}

/** A row of each image: how much each of its widened neighbours weighs. */
function neighbourWeights(all: DistanceRows, neighbours: Neighbours, form: RerankForm): SparseRow[] {
  const rows: SparseRow[] = [];
  const sets = expandedNeighbours(neighbours, form.counts);
  forEachRow(all, (_, distances) => {
    const columns = sets.next().value as Int32Array;
    const near = Float32Array.from(columns, (column) => distances[column] as number);
    rows.push({ columns, values: form.weights(near).map(form.round) });
  });
  return rows;
}

/** Squared distances of all images to all. */
class AllDistances implements DistanceRows {
  readonly queries: number;
  readonly gallery: number;
  readonly #all: Tensor;

  constructor(queryGallery: Tensor, queryQuery: Tensor, galleryGallery: Tensor) {
    const [queries, images] = distanceMatrix('rerankDistances queryGallery', queryGallery).shape as [
      number,
      number,
    ];
    checkSquare('queryQuery', queryQuery, queries);
    checkSquare('galleryGallery', galleryGallery, images);
    this.queries = this.gallery = queries + images;
    this.#all = noGrad(() =>
      scope(() => {
        const top = cat([queryQuery, queryGallery], 1);
        return cat([top, cat([queryGallery.t(), galleryGallery], 1)])
          .pow(2)
          .to('float32');
      }),
    );
  }

  rows(start: number, end: number): Float32Array {
    return scope(
      () =>
        this.#all
          .narrow(1, start, end - start)
          .t()
          .contiguous()
          .data() as Float32Array,
    );
  }
}

function checkSquare(name: string, matrix: Tensor, size: number): void {
  const { shape } = distanceMatrix(`rerankDistances ${name}`, matrix);
  if (shape[0] === size && shape[1] === size) return;
  throw new RangeError(`Expected [${size},${size}] for rerankDistances ${name}, got [${shape}]`);
}
