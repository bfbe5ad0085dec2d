import { join } from 'node:path';
import { DataLoader, datasets, decodeImage, transforms } from '../../data/index.ts';
import { messageOf } from '../../errors.ts';
import * as segment from '../../segment/index.ts';
import type { Tensor } from '../../tensor/index.ts';
import type { AdaptOptions } from '../adapt/adapt-options.ts';
import type { AdaptTask } from '../adapt/adapt-task.ts';
import { isFolder } from '../is-folder.ts';
import { readingOf } from '../reading.ts';
import { checkClasses, maskFigures } from './mask-figures.ts';
import { parseTestSet } from './test-sets.ts';

/** Options of `segment adapt`, as commander gives them. */
export interface SegmentAdaptOptions extends AdaptOptions {
  test?: string;
  split: string;
  crop?: number[];
}

/** Where images lie: of a pair of folders, of Cityscapes, or any folder; those to train with where there are such. */
function imagesOf(root: string): string {
  const candidates = ['images/train', 'leftImg8bit/train', 'images', 'leftImg8bit'];
  return candidates.map((name) => join(root, name)).find(isFolder) ?? root;
}

/** A network for segmentation and a folder of images. */
export async function segmentationTask(root: string, options: SegmentAdaptOptions): Promise<AdaptTask> {
  const loaded = segment.load(options.checkpoint);
  const target = imagesOf(root);
  const size = await cropOf(target, options);
  const { test, reason } = labelled(root, options, loaded.numClasses);
  const { numClasses: _, backbone: __, ...built } = loaded.options;
  return {
    model: loaded.model as unknown as AdaptTask['model'],
    name: loaded.name,
    target,
    views: viewsOf(size),
    test: test === undefined ? undefined : { name: `${test.name} ${test.split}`, images: test.pairs.length },
    noTest: reason,
    figures: () => maskFigures(loaded.model, test as segment.SegmentData, options),
    source: () => sourceOf(options, size, loaded.numClasses),
    extra: {
      arch: loaded.name,
      args: { options: built },
      ...(loaded.classes === undefined ? {} : { classes: [...loaded.classes] }),
    },
  };
}

type Size = [height: number, width: number];

/** What is cut out of each image; by default the size of the first. */
async function cropOf(folder: string, { crop }: SegmentAdaptOptions): Promise<Size> {
  if (crop !== undefined) {
    const [height, width = height, ...more] = crop;
    if (height === undefined || width === undefined || more.length > 0)
      throw new RangeError(`Expected height and width, or one number, for --crop, got ${crop.join(' ')}`);
    return [height, width];
  }
  const [first] = datasets.findImages(folder);
  if (first === undefined) throw new RangeError(`Expected images in ${folder}, got none`);
  const image = await decodeImage(first);
  const [, height, width] = image.shape as [number, number, number];
  image.dispose();
  return [height, width];
}

function labelled(
  root: string,
  { test, split }: SegmentAdaptOptions,
  numClasses: number,
): { test?: segment.SegmentData; reason?: string } {
  if (test !== undefined) return { test: checkClasses(parseTestSet(test, split), numClasses) };
  try {
    return { test: checkClasses(segment.loadData('folder', root, { split }), numClasses) };
  } catch (error) {
    return { reason: `${messageOf(error)}; --test NAME=FOLDER names labelled images` };
  }
}

function viewsOf(size: Size): AdaptTask['views'] {
  return {
    shape: new transforms.Compose([
      new transforms.RandomCrop(size, { padIfNeeded: true }),
      new transforms.RandomHorizontalFlip(),
    ]),
    keep: new transforms.Compose([new transforms.CenterCrop(size)]),
    spoil: new transforms.Compose([
      new transforms.ColorJitter({ brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 }),
      new transforms.GaussianBlur(11, { sigma: [0.15, 1.3] }),
    ]),
    normalise: new transforms.Compose([
      new transforms.ToTensor(),
      new transforms.Normalize(transforms.IMAGENET_MEAN, transforms.IMAGENET_STD),
    ]),
  };
}

type Pairs = AsyncIterable<[Tensor, Tensor]>;

function sourceOf({ source, batchSize, workers }: SegmentAdaptOptions, crop: Size, numClasses: number) {
  if (source === undefined) return undefined;
  const data = checkClasses(parseTestSet(source, 'train'), numClasses);
  const transform = segment.trainTransform({ crop, scale: [0.75, 1.5] });
  const images = new segment.SegmentDataset(data, { transform });
  const reading = readingOf(workers);
  const order = { shuffle: true, dropLast: images.length > batchSize };
  const loader = new DataLoader(images, { ...reading, batchSize, ...order }) as unknown as Pairs;
  return (async function* again() {
    for (;;) yield* loader;
  })();
}
