import { DataLoader, DistributedEvalSampler, DistributedSampler } from '../../data/index.ts';
import { getWorldSize, isInitialized } from '../../distributed/index.ts';
import * as segment from '../../segment/index.ts';
import type { Tensor } from '../../tensor/index.ts';
import { sumOverRanks } from '../../train/metrics/sum-over-ranks.ts';
import { readingOf } from '../reading.ts';
import type { SegmentConfig } from './space.ts';
import { parseTestSet } from './test-sets.ts';

/** Images (N, 3, H, W) and classes (N, H, W). */
export type MaskBatch = [images: Tensor, masks: Tensor];
type MaskLoader = DataLoader<segment.SegmentSample, MaskBatch>;

/** The images of a run. */
export interface SegmentRunData {
  readonly classes: readonly string[];
  readonly train: MaskLoader;
  /** Where ranks share it, the part of this one. */
  readonly val: MaskLoader;
  readonly differences: readonly string[];
  /** Pairs that were left out, of all ranks when they were last counted. */
  readonly unreadable: { readonly train: number; readonly val: number };
  countUnreadable(): Promise<void>;
}

/** @throws DatasetError, RangeError where the two have other classes */
export function segmentRunData(root: string, config: SegmentConfig): SegmentRunData {
  const {
    dataset,
    dataOptions = {},
    batchSize,
    testBatch,
    workers,
    skipUnreadable = false,
    seed = 0,
  } = config;
  const read = (split: string) =>
    segment.loadData(dataset as segment.SegmentDataName, root, { ...dataOptions, split } as never);
  const found = {
    train: read('train'),
    val: config.val === undefined ? read('val') : parseTestSet(config.val, 'val'),
  };
  if (found.val.classes.length !== found.train.classes.length)
    throw new RangeError(
      `Expected the ${found.train.classes.length} classes of ${dataset} for --val, got ${found.val.classes.length}`,
    );
  const train = new segment.SegmentDataset(found.train, { transform: transformOf(config) });
  const val = new segment.SegmentDataset(found.val, { transform: segment.evalTransform() });
  const reading = readingOf(workers);
  const shared = { ...reading, skipUnreadable, pinMemory: config.device !== 'cpu' };
  const order = isShared() ? { sampler: new DistributedSampler(train, { seed }) } : { shuffle: true };
  const part = isShared() ? { sampler: new DistributedEvalSampler(val) } : {};
  const loaders = {
    // A batch of one image has no statistics for the norm behind the pyramid's mean.
    train: new DataLoader(train, {
      ...shared,
      batchSize,
      dropLast: train.length > batchSize,
      ...order,
    }) as MaskLoader,
    val: new DataLoader(val, { ...shared, batchSize: testBatch, ...part }) as MaskLoader,
  };
  const unreadable = { train: 0, val: 0 };
  return {
    classes: found.train.classes,
    ...loaders,
    differences: [found.train, found.val].flatMap(({ differences }) => differences),
    unreadable,
    countUnreadable: async () => {
      const mine = [loaders.train, loaders.val].map(({ skipped }) => skipped.length);
      const [inTrain = 0, inVal = 0] = isShared() ? await sumOverRanks(mine) : mine;
      Object.assign(unreadable, { train: inTrain, val: inVal });
    },
  };
}

const isShared = () => isInitialized() && getWorldSize() > 1;

function transformOf({ crop, scale, flip, jitter, blur = false }: SegmentConfig) {
  const [height, width = height, ...more] = crop;
  const [low, high = low, ...others] = scale;
  if (height === undefined || width === undefined || more.length > 0)
    throw new RangeError(`Expected height and width, or one number, for --crop, got ${crop.join(' ')}`);
  if (low === undefined || high === undefined || others.length > 0)
    throw new RangeError(`Expected two factors for --scale, got ${scale.join(' ')}`);
  return segment.trainTransform({ crop: [height, width], scale: [low, high], flip, jitter, blur });
}
