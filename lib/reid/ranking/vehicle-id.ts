import { checkOptions, checkPositions, describeValue } from '../../options.ts';
import { Generator, randperm, scope, type Tensor, tensor } from '../../tensor/index.ts';
import type { Metric } from './distance-rows.ts';
import { evaluateRanking, type RankingResult } from './evaluate-ranking.ts';
import { type Features, featureMatrix } from './features.ts';
import { encodeLabels, type Labels } from './labels.ts';

/** Options of {@link evaluateVehicleId}. */
export interface VehicleIdProtocol {
  /** (N, D), of all test images. */
  features: Features;
  ids: Labels;
  /** Default 'euclidean'. */
  metric?: Metric;
  /** Default 50. */
  maxRank?: number;
  /** How often a gallery is drawn. Default 10, as the published protocol. */
  repeats?: number;
  /** Default 0. */
  seed?: number;
}

/**
 * VehicleID's protocol: one image of each identity, drawn at random, is the gallery, all others are queries; figures are means
 * over the draws. Cameras play no part.
 *
 * @throws RangeError where no identity has two images
 * @example
 * const ids = [1, 1, 2, 2, 2, 3];
 * const { cmc } = reid.evaluateVehicleId({ features: randn([6, 32]), ids, repeats: 10 });
 */
export function evaluateVehicleId(options: VehicleIdProtocol): RankingResult {
  checkPositions('evaluateVehicleId', arguments, 1);
  checkOptions('evaluateVehicleId', options, ['features', 'ids', 'metric', 'maxRank', 'repeats', 'seed']);
  const { repeats = 10, seed = 0, metric = 'euclidean', maxRank = 50 } = options;
  if (!Number.isInteger(repeats) || repeats < 1) {
    throw new RangeError(
      `Expected a whole number from 1 for evaluateVehicleId repeats, got ${describeValue(repeats)}`,
    );
  }
  const features = featureMatrix('evaluateVehicleId features', options.features);
  const images = features.size(0) as number;
  const name = 'evaluateVehicleId ids';
  const [, ids] = encodeLabels([name, []], [name, options.ids], [0, images]);
  const generator = new Generator().manualSeed(seed);
  const results = Array.from({ length: repeats }, () =>
    scope(() => {
      const order = randperm(images, { generator }).toArray<number[]>();
      return evaluateRanking({ ...drawn(features, ids, order), metric, maxRank });
    }),
  );
  return meanOf(results);
}

function drawn(features: Tensor, ids: Int32Array, order: readonly number[]) {
  const first = new Map<number, number>();
  for (const index of order) {
    if (!first.has(ids[index] as number)) first.set(ids[index] as number, index);
  }
  const gallery = [...first.values()];
  const chosen = new Set(gallery);
  const queries = order.filter((index) => !chosen.has(index));
  if (queries.length === 0) {
    throw new RangeError('Expected identities with two images for evaluateVehicleId, got one of each');
  }
  const rows = (indices: number[]) =>
    features.indexSelect(0, tensor(indices, { dtype: 'int64', device: features.device }));
  return {
    queryFeatures: rows(queries),
    galleryFeatures: rows(gallery),
    queryIds: queries.map((index) => ids[index] as number),
    galleryIds: gallery.map((index) => ids[index] as number),
    queryCameras: queries.map(() => 0),
    galleryCameras: gallery.map(() => 1),
  };
}

function meanOf(results: readonly RankingResult[]): RankingResult {
  const mean = (of: (result: RankingResult) => number) =>
    results.reduce((sum, result) => sum + of(result), 0) / results.length;
  const [first] = results as [RankingResult];
  return {
    cmc: first.cmc.map((_, rank) => mean(({ cmc }) => cmc[rank] as number)),
    mAP: mean(({ mAP }) => mAP),
    mINP: mean(({ mINP }) => mINP),
    valid: first.valid,
  };
}
