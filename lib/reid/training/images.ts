import { DataLoader, transforms } from '../../data/index.ts';
import type { Tensor } from '../../tensor/index.ts';
import { ReidImages, type TrainingSet } from '../data/index.ts';
import type { ReIDLayout } from '../models/layouts/finding.ts';
import { ReIDRandomErasing } from '../transforms/index.ts';
import type { EpochOrder } from './epoch-order.ts';
import type { ReidBatch } from './losses.ts';
import type { ReidTrainConfig } from './presets.ts';

const { IMAGENET_MEAN, IMAGENET_STD } = transforms;

/** The images of a training set with their labels, in the order of `order`. */
export function trainLoader(
  set: TrainingSet,
  order: EpochOrder,
  layout: ReIDLayout,
  config: ReidTrainConfig,
): DataLoader<[Tensor, number], ReidBatch> {
  const { batchSize, workers, device } = config;
  const transform = trainTransform(layout, config);
  const reading = workers === 0 ? { sequential: true } : { numWorkers: workers, prefetchFactor: 1 };
  return new DataLoader(new LabelledImages(set, transform), {
    ...reading,
    ...{ batchSize, sampler: order, dropLast: true, pinMemory: device !== 'cpu' },
  });
}

class LabelledImages {
  readonly #images: ReidImages;
  readonly #set: TrainingSet;
  readonly #transform: transforms.Transform;

  constructor(set: TrainingSet, transform: transforms.Transform) {
    this.#images = new ReidImages(set.images, { transform });
    this.#set = set;
    this.#transform = transform;
  }

  get length(): number {
    return this.#images.length;
  }

  async get(index: number): Promise<[Tensor, number]> {
    const [image] = await this.#images.get(index);
    return [image, this.#set.images[index]?.label as number];
  }

  /** For the loader's own threads. */
  imageRecord(index: number) {
    const { path, label } = this.#set.images[index] as TrainingSet['images'][number];
    const sample = (image: Tensor): [Tensor, number] => [image, label];
    return { source: path, transform: this.#transform, sample };
  }
}

/** The published preparation of the network's own code, with either random erasing. */
export function trainTransform(layout: ReIDLayout, config: ReidTrainConfig): transforms.Compose {
  const { size, flip, padding, autoAugment, erasing } = config;
  const [isInside, target] = [layout === 'fast-reid', [...size] as [number, number]];
  const mirror = new transforms.RandomHorizontalFlip(flip);
  const crop = [new transforms.Pad(padding), new transforms.RandomCrop(target)];
  return new transforms.Compose([
    ...(autoAugment > 0
      ? [new transforms.RandomApply([new transforms.AutoAugment()], { p: autoAugment })]
      : []),
    new transforms.Resize(target, isInside ? { interpolation: 'bicubic' } : {}),
    ...(isInside ? [...crop, mirror] : [mirror, ...crop]),
    ...(isInside
      ? [new transforms.ToDtype('float32')]
      : [new transforms.ToTensor(), new transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD)]),
    ...(erasing > 0 ? [erasingOf(isInside, config)] : []),
  ]);
}

/** What each form writes, as numbers of the images that the network gets: pixels, or normalised ones. */
function erasingOf(isInside: boolean, { erasing: p, erasingForm }: ReidTrainConfig): transforms.Transform {
  const form = erasingForm ?? (isInside ? 'fast-reid' : 'strong-baseline');
  if (form === 'fast-reid') {
    const value = isInside ? IMAGENET_MEAN.map((mean) => mean * 255) : [0, 0, 0];
    return new transforms.RandomErasing({ p, value });
  }
  const asPixel = (mean: number, i: number) => (mean * (IMAGENET_STD[i] as number) + mean) * 255;
  return new ReIDRandomErasing({ p, mean: isInside ? IMAGENET_MEAN.map(asPixel) : IMAGENET_MEAN });
}
