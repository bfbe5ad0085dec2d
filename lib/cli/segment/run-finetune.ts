import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { decodeImage } from '../../data/index.ts';
import * as segment from '../../segment/index.ts';
import { givenOptions } from '../../train/config/resolve-config.ts';
import { type FinetuneForm, type FinetuneRun, formOf } from '../finetune/form.ts';
import { chosenOf, link, linkFiles } from '../finetune/subset.ts';
import { type FinetuneTask, runFinetune } from '../finetune/sweep.ts';
import type { TrainStreams } from '../train/train.ts';
import type { SegmentFinetuneOptions } from './finetune.ts';
import { DEFAULTS } from './finetune-defaults.ts';
import { checkClasses, maskFigures } from './mask-figures.ts';
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
  const form = { ...formOf(target, told, DEFAULTS), dataset: options.dataset };
  return await runFinetune(segmenters(form, told), form, told, streams);
}

function segmenters(form: FinetuneForm, options: SegmentFinetuneOptions): FinetuneTask {
  const { target } = form;
  const { dataset } = options;
  const [train, val] = [
    segment.loadData(dataset, target, { split: 'train' }),
    segment.loadData(dataset, target, { split: 'val' }),
  ];
  return {
    figure: 'mIoU',
    check: ({ checkpoint }) => {
      checkCrop(form);
      const { model, numClasses } = segment.load(checkpoint);
      model.dispose();
      checkClasses(train, numClasses);
    },
    before: async ({ checkpoint }) => {
      const { model } = segment.load(checkpoint);
      model.to(options.device as 'cpu');
      return (await maskFigures(model, val, options).finally(() => model.dispose())).mIoU;
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
  const given = givenOptions({ values }, SEGMENTATION);
  return await runSegmentTraining({ given, resume: 'auto' }, streams);
}

function checkCrop({ crop }: FinetuneForm): void {
  if (crop === null || crop.length <= 2) return;
  throw new RangeError(`Expected height and width, or one number, for --crop, got ${crop.join(' ')}`);
}

/** Of the first image. */
async function sizeOf({ pairs }: segment.SegmentData): Promise<[number, number]> {
  const image = await decodeImage((pairs[0] as { image: string }).image);
  const [, height, width] = image.shape as [number, number, number];
  image.dispose();
  return [height, width];
}
