import { arange, isFloatingPoint, noGrad, ops, type Tensor } from '../../tensor/index.ts';
import {
  type Call,
  checkTensor,
  choice,
  flag,
  maybeTensor,
  named,
  optional,
  real,
  Signature,
  whole,
} from '../arguments.ts';
import { defineFunction } from './define.ts';

/** Options of `embedding`. */
export interface EmbeddingFunctionOptions {
  /** The row that gets no gradient; negative ones count from the last. */
  paddingIdx?: number | null;
  /** Rows that are looked up and longer than this are shortened to it, in `weight` itself. */
  maxNorm?: number | null;
  /** Which norm `maxNorm` means. Default 2. */
  normType?: number;
  /** Divide gradients by how often a row is looked up. Default false. */
  scaleGradByFreq?: boolean;
  /** Make the weight's gradient a sparse tensor. Default false. */
  sparse?: boolean;
}

/** The arguments that the embedding layers and functions share. */
export const EMBEDDING = {
  paddingIdx: named(optional(whole(Number.NEGATIVE_INFINITY))),
  maxNorm: named(optional(real())),
  normType: named(real(2)),
  scaleGradByFreq: flag(),
  sparse: flag(),
};

const SIGNATURE = new Signature<Required<EmbeddingFunctionOptions>>(EMBEDDING, []);

/** The padding row counted from the first; null where there is none. */
export function paddingRow(owner: string, index: number | null, rows: number): number | null {
  if (index === null) return null;
  if (index >= -rows && index < rows) return index < 0 ? index + rows : index;
  throw new RangeError(
    `Expected a row of the ${rows} embeddings for ${owner} paddingIdx, from ${-rows} to ${rows - 1}, got ${index}`,
  );
}

function checkIndices(owner: string, x: Tensor, weight: Tensor): void {
  checkTensor(owner, 'x', x);
  checkTensor(owner, 'weight', weight);
  if (!isFloatingPoint(x.dtype)) return;
  throw new TypeError(
    `Expected int64 or int32 indices for ${owner}, got ${x.dtype}; call to('int64') on them`,
  );
}

function renormalise(weight: Tensor, x: Tensor, maxNorm: number | null, normType: number): void {
  if (maxNorm !== null) noGrad(() => ops.aten.embedding_renorm_(weight, x, maxNorm, normType));
}

/** Rows of `weight` (number, size) at the indices `x`: (...) -> (..., size). */
export function embedding(x: Tensor, weight: Tensor, options: EmbeddingFunctionOptions = {}): Tensor {
  const { paddingIdx, maxNorm, normType, scaleGradByFreq, sparse } = SIGNATURE.read('embedding', [options]);
  checkIndices('embedding', x, weight);
  const padding = paddingRow('embedding', paddingIdx, weight.shape[0] as number) ?? -1;
  renormalise(weight.detach(), x.contiguous(), maxNorm, normType);
  return ops.aten.embedding(weight, x, padding, scaleGradByFreq, sparse);
}

const MODES = ['sum', 'mean', 'max'] as const;

/** What becomes of the rows of a bag. */
export type EmbeddingBagMode = (typeof MODES)[number];

/** Options of `embeddingBag`. */
export interface EmbeddingBagFunctionOptions extends EmbeddingFunctionOptions {
  /** Default `'mean'`. */
  mode?: EmbeddingBagMode;
  /** A factor for each index; of mode `'sum'` alone. */
  perSampleWeights?: Tensor | null;
  /** The last offset is the number of indices. Default false. */
  includeLastOffset?: boolean;
}

/** The arguments that are those of the bags alone. */
export const BAG = {
  mode: named(choice<EmbeddingBagMode>(MODES, 'mean')),
  includeLastOffset: flag(),
};

const BAG_SIGNATURE = new Signature<Required<EmbeddingBagFunctionOptions> & { offsets: Tensor | null }>(
  {
    offsets: maybeTensor(),
    ...EMBEDDING,
    ...BAG,
    perSampleWeights: maybeTensor(),
  },
  ['offsets'],
);

/** Indices, offsets and factors in one dimension. */
function flatBags(
  x: Tensor,
  offsets: Tensor | null,
  weights: Tensor | null,
): [x: Tensor, offsets: Tensor, weights: Tensor | null] {
  const dim = x.dim();
  if (dim === 1 && offsets !== null && offsets.dim() === 1) return [x, offsets, weights];
  if (dim === 2 && offsets === null) {
    const [, length = 1] = x.shape;
    const starts = arange(0, x.numel(), length, { dtype: x.dtype, device: x.device });
    return [x.reshape([-1]), starts, weights === null ? null : weights.reshape([-1])];
  }
  const got = offsets === null ? 'no offsets' : `offsets [${offsets.shape.join(', ')}]`;
  throw new RangeError(
    `Expected indices [N] with offsets [B], or [B, N] without, for embeddingBag, got [${x.shape.join(', ')}] and ${got}`,
  );
}

/**
 * Sums, means or largest values of the rows of `weight` (number, size) for each bag of indices: (B, N) -> (B, size), or
 * (N) with the bags' `offsets` (B) -> (B, size).
 */
export function embeddingBag(
  x: Tensor,
  weight: Tensor,
  ...given: Call<[offsets?: Tensor | null], EmbeddingBagFunctionOptions & { offsets?: Tensor | null }>
): Tensor {
  const values = BAG_SIGNATURE.read('embeddingBag', given);
  const { mode, scaleGradByFreq, sparse, maxNorm, normType, perSampleWeights: factors } = values;
  checkIndices('embeddingBag', x, weight);
  if (factors !== null && (mode !== 'sum' || factors.shape.join() !== x.shape.join())) {
    throw new RangeError(
      `Expected mode "sum" and the indices' shape [${x.shape.join(', ')}] for embeddingBag perSampleWeights, got "${mode}" and [${factors.shape.join(', ')}]`,
    );
  }
  if (mode === 'max' && (scaleGradByFreq || sparse)) {
    throw new RangeError('Expected neither scaleGradByFreq nor sparse for embeddingBag of mode "max"');
  }
  const padding = paddingRow('embeddingBag', values.paddingIdx, weight.shape[0] as number);
  const isRowStart = x.dim() === 1 && values.includeLastOffset;
  const [indices, offsets, weights] = flatBags(x, values.offsets, factors);
  // libtorch 2.13 reads beyond them, of some modes.
  if (offsets.numel() === 0 && indices.numel() > 0) {
    throw new RangeError('Expected one or more offsets for embeddingBag, got none');
  }
  renormalise(weight.detach(), indices, maxNorm, normType);
  const [bags] = ops.aten.embedding_bag.padding_idx(
    weight,
    indices,
    offsets,
    scaleGradByFreq,
    MODES.indexOf(mode),
    sparse,
    weights,
    isRowStart,
    padding,
  );
  return bags;
}

/** Rows with a one at each index of `x` (int64), of length `numClasses`; -1 (default) takes the largest index's. */
export const oneHot = defineFunction<[numClasses?: number], { numClasses?: number }, { numClasses: number }>(
  'oneHot',
  { numClasses: whole(-1, -1) },
  (x, { numClasses }) => ops.aten.one_hot(x, numClasses),
);
