import { TorchError } from '../../errors.ts';
import { describeValue } from '../../options.ts';
import { fromBuffer, isTensor, noGrad, ops, scope, type Tensor } from '../../tensor/index.ts';
import { checkSameWidth, type Features, featureMatrix } from './features.ts';

/**
 * How far two features are apart: `euclidean` is the squared Euclidean distance, `cosine` 1 less the cosine. The published
 * programs rank by these.
 */
export type Metric = 'euclidean' | 'cosine';

/** Distances of all queries to the whole gallery, some rows at a time. */
export interface DistanceRows {
  readonly queries: number;
  readonly gallery: number;
  /** Rows `start` to `end - 1`, one after the other; they may be others after the next call. */
  rows(start: number, end: number): Float32Array;
}

const BLOCK_ELEMENTS = 2 ** 24;

/** Calls `visit` for each query with its distances, which are only valid during the call. */
export function forEachRow(
  source: DistanceRows,
  visit: (query: number, distances: Float32Array) => void,
): void {
  const { queries, gallery } = source;
  const step = rowsOfBlock(gallery);
  for (let start = 0; start < queries; start += step) {
    const end = Math.min(queries, start + step);
    const block = source.rows(start, end);
    for (let query = start; query < end; query++) {
      const at = (query - start) * gallery;
      visit(query, block.subarray(at, at + gallery));
    }
  }
}

/** How many rows are computed together: 64 MiB of distances. */
export const rowsOfBlock = (columns: number): number => Math.max(1, Math.floor(BLOCK_ELEMENTS / columns));

/** Distances between features, computed as they are asked for. Owns the tensors it makes; dispose it. */
export class FeatureDistances implements DistanceRows {
  readonly queries: number;
  readonly gallery: number;
  readonly #metric: Metric;
  readonly #left: Tensor;
  readonly #right: Tensor;
  readonly #leftNorms: Tensor;
  readonly #rightNorms: Tensor;
  readonly #isHere: boolean;
  #memory = new Float32Array(0);

  constructor(query: Tensor, gallery: Tensor, metric: Metric) {
    this.#metric = metric;
    const prepare = metric === 'cosine' ? normalised : (features: Tensor) => features;
    const [left, right, leftNorms, rightNorms] = noGrad(() =>
      scope(() => {
        const [left, right] = [prepare(query), prepare(gallery)];
        return [left, right.t(), squaredNorms(left), squaredNorms(right).t()] as const;
      }),
    );
    [this.#left, this.#right, this.#leftNorms, this.#rightNorms] = [left, right, leftNorms, rightNorms];
    [this.queries, this.gallery] = [query.size(0) as number, gallery.size(0) as number];
    this.#isHere = left.device === 'cpu' && sharesMemory();
  }

  rows(start: number, end: number): Float32Array {
    return noGrad(() =>
      scope(() => (this.#isHere ? this.#inPlace(start, end) : this.#elsewhere(start, end))),
    );
  }

  /** One piece of memory for all blocks: fresh pages and a copy would cost a tenth of the product. */
  #inPlace(start: number, end: number): Float32Array {
    const elements = (end - start) * this.gallery;
    if (this.#memory.length < elements) this.#memory = new Float32Array(elements);
    const block = this.#memory.subarray(0, elements);
    this.#compute(start, end, fromBuffer(block, { shape: [end - start, this.gallery] }));
    return block;
  }

  #elsewhere(start: number, end: number): Float32Array {
    const block = this.#left.newEmpty([end - start, this.gallery]);
    this.#compute(start, end, block);
    return block.data() as Float32Array;
  }

  #compute(start: number, end: number, out: Tensor): void {
    const left = this.#left.narrow(0, start, end - start);
    if (this.#metric === 'cosine') {
      ops.aten.mm.out(left, this.#right, { out });
      out.neg_().add_(1);
      return;
    }
    ops.aten.add.out(this.#leftNorms.narrow(0, start, end - start), this.#rightNorms, { out });
    out.addmm_(left, this.#right, { beta: 1, alpha: -2 });
  }
}

/** Whether tensors can lie in JavaScript's memory, which not every runtime allows. */
function sharesMemory(): boolean {
  try {
    fromBuffer(new Float32Array(1)).dispose();
    return true;
  } catch (error) {
    if (error instanceof TorchError && error.code === 'ERR_UNSUPPORTED_RUNTIME') return false;
    throw error;
  }
}

const squaredNorms = (features: Tensor): Tensor => features.pow(2).sum(1, { keepdim: true });

/** Rows of length 1; those of zeros stay zeros. As `torch.nn.functional.normalize`. */
export function normalised(features: Tensor): Tensor {
  return features.div(features.norm(2, 1, true).clampMin(1e-12));
}

/** A matrix of distances that is there already. */
export class MatrixDistances implements DistanceRows {
  readonly queries: number;
  readonly gallery: number;
  readonly #values: Float32Array;

  constructor(matrix: Tensor) {
    [this.queries, this.gallery] = matrix.shape as [number, number];
    this.#values = scope(() => matrix.detach().to('float32').data() as Float32Array);
  }

  rows(start: number, end: number): Float32Array {
    return this.#values.subarray(start * this.gallery, end * this.gallery);
  }
}

/** Checks a matrix of distances (Q, G). */
export function distanceMatrix(name: string, matrix: unknown): Tensor {
  if (!isTensor(matrix)) {
    throw new TypeError(`Expected a tensor of distances (Q, G) for ${name}, got ${describeValue(matrix)}`);
  }
  if (matrix.dim() !== 2 || matrix.numel() === 0) {
    throw new RangeError(
      `Expected distances of Q queries to G images, (Q, G), for ${name}, got [${matrix.shape}]`,
    );
  }
  if (scope(() => matrix.isnan().any().item<boolean>())) {
    throw new RangeError(`Expected distances for ${name}, got NaN among them`);
  }
  return matrix;
}

/** Refuses all but the metrics there are. */
export function checkMetric(owner: string, metric: unknown): asserts metric is Metric {
  if (metric === 'euclidean' || metric === 'cosine') return;
  throw new RangeError(`Expected "euclidean" or "cosine" for ${owner} metric, got ${describeValue(metric)}`);
}

/** Features of queries and gallery, checked against each other. */
export function featurePair(
  owner: string,
  query: Features,
  gallery: Features,
): [query: Tensor, gallery: Tensor] {
  const pair: [Tensor, Tensor] = [
    featureMatrix(`${owner} queryFeatures`, query),
    featureMatrix(`${owner} galleryFeatures`, gallery),
  ];
  checkSameWidth(owner, ...pair);
  return pair;
}
