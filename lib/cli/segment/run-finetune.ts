import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { decodeImage } from '../../data/index.ts';
import * as segment from '../../segment/index.ts';
import { givenOptions } from '../../train/config/resolve-config.ts';
import { type FinetuneForm, type FinetuneRun, formOf } from '../finetune/form.ts';
import { chosenOf, link, linkFiles } from '../finetune/subset.ts';
import { type FinetuneTask, runFinetune } from '../finetune/sweep.ts';
import type { TrainStreams } from '../train/train.ts';
import { segmentationTask } from './adapt-task.ts';
import type { SegmentFinetuneOptions } from './finetune.ts';
import { DEFAULTS } from './finetune-defaults.ts';
import { runSegmentTraining } from './run-training.ts';
import { SEGMENTATION } from './space.ts';

const SHARES = [10, 20, 30, 100];

/** Fine-tunes networks on shares of a target. @returns the exit code: 0, or 75 where a signal ended it */
export async function finetuneSegmenters(
  target: string,
  options: Omit<SegmentFinetuneOptions, 'share'> & { share?: number[] },
  streams: TrainStreams = process,
): Promise<number> {
  const told = { ...options, share: options.share ?? SHARES };
  const form = formOf(target, told, DEFAULTS);
  return await runFinetune(segmenters(form, told), form, told, streams);
}

function segmenters(form: FinetuneForm, options: SegmentFinetuneOptions): FinetuneTask {
  const { target } = form;
  const { dataset, workers, device } = options;
  const [train, val] = ['train', 'val'].map((split) =>
    segment.loadData(dataset, target, { split } as never),
  ) as [segment.SegmentData, segment.SegmentData];
  return {
    figure: 'mIoU',
    before: async ({ checkpoint }) => {
      const common = { method: 'adabn', output: '', batchSize: 1, seed: 0, workers, device } as const;
      const test = `${dataset}=${target}`;
      const task = await segmentationTask(target, { ...common, checkpoint, test, split: 'val' });
      task.model.to(device as 'cpu');
      return (await task.figures()).mIoU as number;
    },
    choose: (place, { share, seed }) => {
      const pairs = chosenOf([train.pairs], share, seed, form.limit);
      linkFiles(
        [...pairs, ...val.pairs].flatMap(({ image, mask }) => [image, mask]),
        train.root,
        place,
      );
      const classes = join(train.root, 'classes.txt');
      if (existsSync(classes)) link(classes, join(place, 'classes.txt'));
      return pairs.length;
    },
    train: (run, place, output, streams) => trainOn(run, place, output, form, options, train, streams),
  };
}

async function trainOn(
  { checkpoint, seed }: FinetuneRun,
  place: string,
  output: string,
  form: FinetuneForm,
  { dataset, workers, device }: SegmentFinetuneOptions,
  train: segment.SegmentData,
  streams: TrainStreams,
): Promise<number> {
  const loaded = segment.load(checkpoint);
  const { numClasses: _, backbone: __, ...modelOptions } = loaded.options;
  const model = loaded.name;
  loaded.model.dispose();
  const { epochs, batchSize, lr } = form;
  const crop = form.crop ?? (await sizeOf(train));
  const values = {
    ...{ data: place, dataset, checkpoint, model, modelOptions, epochs, batchSize, lr, crop: [...crop] },
    ...{ workers, device, output, seed },
  };
  const given = givenOptions({ values } as never, SEGMENTATION);
  return await runSegmentTraining({ given, resume: 'auto' }, streams);
}

/** Of the first image. */
async function sizeOf({ pairs }: segment.SegmentData): Promise<[number, number]> {
  const image = await decodeImage((pairs[0] as { image: string }).image);
  const [, height, width] = image.shape as [number, number, number];
  image.dispose();
  return [height, width];
}
