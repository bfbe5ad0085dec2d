import { checkOptions, checkPositions, describeValue } from '../../options.ts';
import { cat, fromBuffer, noGrad, scope, type Tensor, tensor } from '../../tensor/index.ts';
import { FeatureDistances, featurePair, normalised } from './distance-rows.ts';
import type { Features } from './features.ts';
import { findNeighbours } from './neighbours.ts';

/** Options of {@link aqe}. */
export interface QueryExpansionOptions {
  /** How often. Default 1. */
  times?: number;
  /** Nearest images that are averaged, an image itself among them. Default 5, as fast-reid's configuration. */
  k?: number;
  /** Power of the cosine that weighs each. Default 3. */
  alpha?: number;
}

/**
 * Average query expansion with weights, as fast-reid's `aqe`: each feature, of the gallery too, becomes the mean of its `k`
 * nearest by cosine, each times its cosine to the power `alpha`. Nearest among queries and gallery together; equal cosines in
 * their order.
 *
 * @returns new features of queries and gallery, float32, not normalised
 * @throws RangeError for a cosine under 0 among the nearest with an `alpha` that is no whole number
 * @example
 * const [query, gallery] = reid.aqe(queryFeatures, galleryFeatures, { k: 5, alpha: 3 });
 */
export function aqe(
  queryFeatures: Features,
  galleryFeatures: Features,
  options: QueryExpansionOptions = {},
): [query: Tensor, gallery: Tensor] {
  checkPositions('aqe', arguments, 3);
  const { times, k, alpha } = checkExpansion(options);
  const [query, gallery] = featurePair('aqe', queryFeatures, galleryFeatures);
  const queries = query.size(0) as number;
  const images = gallery.size(0) as number;
  let features = noGrad(() => cat([query, gallery]));
  for (let i = 0; i < times; i++) {
    const before = features;
    features = noGrad(() => scope(() => expanded(before, k, alpha)));
    before.dispose();
  }
  return [features.narrow(0, 0, queries), features.narrow(0, queries, images)];
}

function expanded(features: Tensor, k: number, alpha: number): Tensor {
  const unit = normalised(features);
  const neighbours = findNeighbours(new FeatureDistances(unit, unit, 'cosine'), k);
  const images = features.size(0) as number;
  const indices = fromBuffer(neighbours.indices, { shape: [images, neighbours.count] });
  const mean = new Float32Array(features.numel());
  const width = features.size(1) as number;
  const step = Math.max(1, Math.floor(2 ** 24 / (neighbours.count * width)));
  for (let start = 0; start < images; start += step) {
    const count = Math.min(step, images - start);
    const block = scope(() =>
      weightedMeans([features, unit], indices.narrow(0, start, count), [start, count], alpha).data(),
    );
    mean.set(block as Float32Array, start * width);
  }
  return tensor(mean).view(images, width);
}

function weightedMeans(
  [features, unit]: readonly [Tensor, Tensor],
  indices: Tensor,
  [start, count]: readonly [number, number],
  alpha: number,
): Tensor {
  const flat = indices.reshape(-1).to({ dtype: 'int64', device: features.device });
  const shape = [count, indices.size(1) as number, features.size(1) as number];
  const near = unit.indexSelect(0, flat).view(shape);
  const cosines = near.matmul(unit.narrow(0, start, count).unsqueeze(2)); // (count, k, 1)
  if (!Number.isInteger(alpha) && cosines.lt(0).any().item<boolean>()) throw noPower(alpha);
  const weights = cosines.pow(alpha);
  return features.indexSelect(0, flat).view(shape).mul(weights).mean(1);
}

function noPower(alpha: number): RangeError {
  return new RangeError(
    `Expected a whole number for aqe alpha, since a cosine among the nearest is negative, got ${alpha}; take fewer neighbours or a whole alpha`,
  );
}

function checkExpansion(options: QueryExpansionOptions): Required<QueryExpansionOptions> {
  checkOptions('aqe', options, ['times', 'k', 'alpha']);
  const { times = 1, k = 5, alpha = 3 } = options;
  for (const [name, value] of Object.entries({ times, k })) {
    if (Number.isInteger(value) && value >= 1) continue;
    throw new RangeError(`Expected a whole number from 1 for aqe ${name}, got ${describeValue(value)}`);
  }
  if (Number.isFinite(alpha)) return { times, k, alpha };
  throw new RangeError(`Expected a number for aqe alpha, got ${describeValue(alpha)}`);
}
