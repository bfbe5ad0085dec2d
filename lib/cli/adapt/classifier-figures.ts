import { DataLoader, datasets, type transforms } from '../../data/index.ts';
import { scope, type Tensor } from '../../tensor/index.ts';
import { ClassificationMetrics, evaluate } from '../../train/index.ts';
import type { ImageNetwork } from '../network/network-runner.ts';
import type { Preparation } from '../network/preparation.ts';
import { readingOf } from '../reading.ts';

/** Images in folders, and the network's class of each folder. */
export interface LabelledFolder {
  readonly folder: datasets.ImageFolder;
  readonly labels: readonly number[];
}

/** How images are read. */
export interface ReadingOptions {
  readonly batchSize: number;
  readonly workers: number;
}

/** Figures of a classifier: top-1 and top-5 (where there are so many classes) in per cent, and the mean loss. */
export async function classifierFigures(
  model: ImageNetwork,
  images: LabelledFolder,
  { whole }: Preparation,
  count: number,
  options: ReadingOptions & { readonly device: string },
): Promise<{ top1: number; top5?: number; loss: number }> {
  const metrics = new ClassificationMetrics(count);
  const update = (output: Tensor, target: Tensor) => scope(() => metrics.update(output.to('cpu'), target));
  const batches = labelledImages(images, whole, options, false);
  await evaluate(model, batches, { update }, { device: options.device as 'cpu' });
  const { loss, top1, top5 } = metrics.summary();
  return { top1, ...(top5 === null ? {} : { top5 }), loss };
}

/** Batches of images and classes, in their order, or drawn. */
export function labelledImages(
  { folder, labels }: LabelledFolder,
  transform: transforms.Compose,
  { batchSize, workers }: ReadingOptions,
  isDrawn: boolean,
): AsyncIterable<[Tensor, Tensor]> {
  const images = new datasets.ImageFolder(folder.root, {
    transform,
    targetTransform: (label) => labels[label] as number,
  });
  const reading = readingOf(workers);
  const order = isDrawn ? { shuffle: true, dropLast: images.length > batchSize } : {};
  return new DataLoader(images, { ...reading, batchSize, ...order }) as unknown as AsyncIterable<
    [Tensor, Tensor]
  >;
}
