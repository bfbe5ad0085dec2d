import type { Module } from '../../nn/index.ts';
import { scope, type Tensor } from '../../tensor/index.ts';
import type { Figures } from '../../train/index.ts';
import type { ReidData } from '../data/index.ts';
import { extract } from '../models/extract.ts';
import type { ReIDModel } from '../models/load.ts';
import { LoadedReID } from '../models/loaded.ts';
import { evaluateRanking, evaluateVehicleId } from '../ranking/index.ts';
import type { ReidTrainConfig } from './presets.ts';

/** A data set to evaluate on. */
export interface ReidTestSet {
  /** What its figures are called where there are several. */
  readonly name: string;
  readonly data: ReidData;
  /** CUHK03's old protocol. Default false. */
  readonly isSingleShot?: boolean;
  /** VehicleID's draws of galleries. Default: whether the data set is `vehicleid`. */
  readonly isVehicleId?: boolean;
}

/** `mAP`, `rank1` and `mINP` in percent: of the only set, or their means and `NAME mAP`, `NAME rank1` of each. */
export async function figuresOf(
  measured: Module,
  loaded: LoadedReID<ReIDModel>,
  sets: readonly ReidTestSet[],
  config: ReidTrainConfig,
  signal: AbortSignal | undefined,
): Promise<Figures> {
  const now = new LoadedReID({ ...loaded, model: measured as ReIDModel });
  const found: [string, Figures][] = [];
  for (const set of sets) found.push([set.name, await figuresOn(now, set, config, signal)]);
  const [[, first] = ['', {}]] = found;
  if (found.length === 1) return first;
  const mean = (key: string) =>
    found.reduce((sum, [, figures]) => sum + (figures[key] ?? 0), 0) / found.length;
  return {
    ...Object.fromEntries(Object.keys(first).map((key) => [key, mean(key)])),
    ...Object.fromEntries(
      found.flatMap(([name, { mAP, rank1 }]) => [
        [`${name} mAP`, mAP ?? 0],
        [`${name} rank1`, rank1 ?? 0],
      ]),
    ),
  };
}

async function figuresOn(
  loaded: LoadedReID,
  set: ReidTestSet,
  { flipTest = false, testBatch }: ReidTrainConfig,
  signal: AbortSignal | undefined,
): Promise<Figures> {
  const { query, gallery } = set.data;
  const paths = stoppable(
    [...query, ...gallery].map(({ path }) => path),
    signal,
  );
  const features = await extract(loaded, paths, { flip: flipTest, batchSize: testBatch });
  try {
    const { cmc, mAP, mINP } = scope(() => ranked(features, set));
    const percent = (share: number) => 100 * share;
    return { mAP: percent(mAP), rank1: percent(cmc[0] as number), mINP: percent(mINP) };
  } finally {
    features.dispose();
  }
}

function* stoppable(paths: readonly string[], signal: AbortSignal | undefined): Generator<string> {
  for (const path of paths) {
    signal?.throwIfAborted();
    yield path;
  }
}

function ranked(features: Tensor, set: ReidTestSet) {
  const { query, gallery, name } = set.data;
  if (set.isVehicleId ?? name === 'vehicleid') {
    return evaluateVehicleId({ features, ids: [...query, ...gallery].map(({ id }) => id), metric: 'cosine' });
  }
  return evaluateRanking({
    queryFeatures: features.narrow(0, 0, query.length),
    galleryFeatures: features.narrow(0, query.length, gallery.length),
    queryIds: query.map(({ id }) => id),
    galleryIds: gallery.map(({ id }) => id),
    queryCameras: query.map(({ camera }) => camera),
    galleryCameras: gallery.map(({ camera }) => camera),
    metric: 'cosine',
    singleGalleryShot: set.isSingleShot ?? false,
  });
}
