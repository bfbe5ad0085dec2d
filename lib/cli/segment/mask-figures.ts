import { DataLoader } from '../../data/index.ts';
import type { Module } from '../../nn/index.ts';
import * as segment from '../../segment/index.ts';
import { scope, type Tensor } from '../../tensor/index.ts';
import { evaluate } from '../../train/index.ts';
import { readingOf } from '../reading.ts';

/** @throws RangeError for data of other classes than a network's */
export function checkClasses(data: segment.SegmentData, numClasses: number): segment.SegmentData {
  if (data.classes.length === numClasses) return data;
  throw new RangeError(
    `Expected ${numClasses} classes, which the network has, in ${data.name}, got ${data.classes.length}`,
  );
}

/** Figures of a network for segmentation on a data set, in per cent. */
export async function maskFigures(
  model: segment.Segmenter,
  data: segment.SegmentData,
  { device, workers }: { readonly device: string; readonly workers: number },
): Promise<{ mIoU: number; pixelAccuracy: number; meanAccuracy: number }> {
  const images = new segment.SegmentDataset(data, { transform: segment.evalTransform() });
  const reading = readingOf(workers);
  const loader = new DataLoader(images, { ...reading, batchSize: 1 });
  const metrics = new segment.SegmentMetrics(data.classes.length);
  const update = (scores: Tensor, masks: Tensor) =>
    scope(() => metrics.update(scores.argmax(1).to('cpu'), masks));
  const scoring = model as Module & { forward(images: Tensor): Tensor };
  await evaluate(scoring, loader as unknown as Pairs, { update }, { device: device as 'cpu' });
  const { mIoU, pixelAccuracy, meanAccuracy } = metrics.summary();
  return { mIoU: 100 * mIoU, pixelAccuracy: 100 * pixelAccuracy, meanAccuracy: 100 * meanAccuracy };
}

type Pairs = AsyncIterable<[Tensor, Tensor]>;
