import { join } from 'node:path';
import {
  DataLoader,
  DistributedEvalSampler,
  DistributedSampler,
  datasets,
  transforms,
} from '../../data/index.ts';
import { getWorldSize, isInitialized } from '../../distributed/index.ts';
import type { Tensor } from '../../tensor/index.ts';
import type { TrainConfig } from '../../train/index.ts';
import { sumOverRanks } from '../../train/metrics/sum-over-ranks.ts';
import { readingOf } from '../reading.ts';
import { RepeatSampler } from './repeat-sampler.ts';

/** A batch of images (N, 3, H, W) and their classes (N). */
export type ImageBatch = [images: Tensor, labels: Tensor];
type ImageLoader = DataLoader<[Tensor, number], ImageBatch>;

/** The images of a run. */
export interface RunData {
  readonly classes: readonly string[];
  readonly train: ImageLoader;
  /** Where ranks share it, the part of this one. */
  readonly val: ImageLoader;
  /** Images that could not be read and were left out, of all ranks when they were last counted. */
  readonly unreadable: { readonly train: number; readonly val: number };
  /** Counts them; all ranks must. */
  countUnreadable(): Promise<void>;
  /** Sets the size of the images of an epoch, counted from 0. */
  beginEpoch(epoch: number): void;
}

/** The shorter side of images before the middle is taken: the published 256 for 224. */
export function resizeOf({ crop, resize }: Pick<TrainConfig, 'crop' | 'resize'>): number {
  return resize ?? Math.round(crop / 0.875);
}

/** `DATA/train` in a new order each epoch, `DATA/val` in its own. @throws DatasetError, RangeError */
export function runData(root: string, options: TrainConfig): RunData {
  const { batchSize, testBatch, crop, workers, skipUnreadable = false, device } = options;
  const crops = new SizedCrop(options);
  const train = new datasets.ImageFolder(join(root, 'train'), { transform: trainTransform(crops, options) });
  const found = new datasets.ImageFolder(join(root, 'val'));
  const places = placesOf(found, train);
  const val = new datasets.ImageFolder(join(root, 'val'), {
    transform: transforms.imagenetEval({ resize: resizeOf(options), crop }),
    targetTransform: (label) => places[label] as number,
  });
  const reading = readingOf(workers);
  const shared = { ...reading, skipUnreadable, pinMemory: device !== 'cpu' };
  const loaders = {
    train: new DataLoader(train, { ...shared, batchSize, ...orderOf(train, options) }),
    val: new DataLoader(val, { ...shared, batchSize: testBatch, ...partOf(val) }),
  };
  const unreadable = { train: 0, val: 0 };
  return {
    classes: train.classes,
    ...loaders,
    unreadable,
    countUnreadable: async () => {
      const mine = [loaders.train, loaders.val].map(({ skipped }) => skipped.length);
      const [inTrain = 0, inVal = 0] = isShared() ? await sumOverRanks(mine) : mine;
      Object.assign(unreadable, { train: inTrain, val: inVal });
    },
    beginEpoch: (epoch) => crops.begin(epoch),
  };
}

/** Whether several ranks share the images. */
const isShared = () => isInitialized() && getWorldSize() > 1;

/** Each rank evaluates images of its own. */
const partOf = (val: datasets.ImageFolder) =>
  isShared() ? { sampler: new DistributedEvalSampler(val) } : {};

/** In which order a rank sees its images. */
function orderOf(train: datasets.ImageFolder, { repeats, seed = 0 }: TrainConfig) {
  if (!isShared()) return repeats > 1 ? { sampler: new RepeatSampler(train, repeats) } : { shuffle: true };
  if (repeats > 1)
    throw new RangeError(`Expected 1 for --repeats where several ranks share the images, got ${repeats}`);
  return { sampler: new DistributedSampler(train, { seed }) };
}

const AUTO_AUGMENT: Readonly<Record<string, (magnitude: number) => transforms.Transform>> = {
  imagenet: () => new transforms.AutoAugment(),
  randaugment: (magnitude) => new transforms.RandAugment({ magnitude }),
  trivialaugment: () => new transforms.TrivialAugmentWide(),
  augmix: () => new transforms.AugMix(),
};

/** Random crops whose size depends on the epoch. Nothing is read ahead of an epoch, so its size is that of all its images. */
class SizedCrop {
  readonly #sizes: readonly (readonly [epoch: number, crop: transforms.RandomResizedCrop])[];
  #current: transforms.RandomResizedCrop;

  constructor({ crop, trainCrop = crop, cropSchedule = {} }: TrainConfig) {
    this.#current = new transforms.RandomResizedCrop(trainCrop);
    this.#sizes = Object.entries(cropSchedule)
      .map(([epoch, size]) => [Number(epoch), new transforms.RandomResizedCrop(size)] as const)
      .sort(([a], [b]) => b - a);
  }

  begin(epoch: number): void {
    this.#current = this.#sizes.find(([first]) => first <= epoch)?.[1] ?? this.#current;
  }

  /** The step of the transform. */
  get step(): transforms.Lambda {
    return new transforms.Lambda((image: Tensor) => this.#current.forward(image));
  }
}

/** `transforms.imagenetTrain`, with what else is asked for where torchvision's recipe has it. */
function trainTransform(
  crops: SizedCrop,
  { autoAugment, magnitude, randomErasing }: TrainConfig,
): transforms.Compose {
  const augment = autoAugment === undefined ? undefined : AUTO_AUGMENT[autoAugment];
  return new transforms.Compose([
    crops.step,
    new transforms.RandomHorizontalFlip(),
    ...(augment === undefined ? [] : [augment(magnitude)]),
    new transforms.ToTensor(),
    new transforms.Normalize(transforms.IMAGENET_MEAN, transforms.IMAGENET_STD),
    ...(randomErasing > 0 ? [new transforms.RandomErasing({ p: randomErasing })] : []),
  ]);
}

/** The class of each folder of `val`, which may lack some. @throws RangeError for folders that `train` lacks */
export function placesOf(val: datasets.ImageFolder, train: datasets.ImageFolder): number[] {
  const unknown = val.classes.filter((name) => !train.classToIdx.has(name));
  if (unknown.length === 0) return val.classes.map((name) => train.classToIdx.get(name) as number);
  const more = unknown.length > 1 ? ` (+${unknown.length - 1})` : '';
  throw new RangeError(
    `Expected folders in ${val.root} that ${train.root} has too, got "${unknown[0]}"${more}; the classes must be the same`,
  );
}
