import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { decodeImage } from '../../data/index.ts';
import * as segment from '../../segment/index.ts';
import {
  addFinetuneOptions,
  type FinetuneForm,
  type FinetuneOptions,
  type FinetuneRun,
  formOf,
} from '../finetune/form.ts';
import { chosenOf, link, linkFiles } from '../finetune/subset.ts';
import type { FinetuneTask } from '../finetune/sweep.ts';
import { stopWhenClosed } from '../network/network-options.ts';
import type { TrainStreams } from '../train/train.ts';
import { segmentationTask } from './adapt-task.ts';
import { SEGMENTATION } from './space.ts';

/** Options of `segment finetune`. */
export interface SegmentFinetuneOptions extends FinetuneOptions {
  dataset: 'folder' | 'cityscapes';
}

const DEFAULTS = { epochs: 20, batchSize: 8, lr: 0.005 };
const SHARES = [10, 20, 30, 100];

/** Adds the command `segment finetune`. */
export function registerSegmentFinetune(program: Command): void {
  const command = program
    .command('finetune')
    .description(
      "Fine-tune networks on 10, 20, 30 and 100 % of a target, and compare them: the paper's Table 8",
    )
    .argument('<target>', 'a folder of Cityscapes, or with images/ and masks/, train and val in each')
    .addOption(
      new Option('--dataset <name>', 'what lies in it').choices(['folder', 'cityscapes']).default('folder'),
    );
  addFinetuneOptions(command, DEFAULTS)
    .addHelpText('after', EXAMPLES)
    .action(async (target: string, options: SegmentFinetuneOptions) => {
      process.stdout.on('error', stopWhenClosed);
      process.exitCode = await finetuneSegmenters(target, options);
    });
}

const EXAMPLES = `
A smaller share is part of a larger one. Rates, crops and changes of images are those of \`ibn-net segment train\`. Ended at any moment,
by kill -9 too, the same command goes on.

Examples:
  npx ibn-net segment finetune data/cityscapes --dataset cityscapes --checkpoint plain=gta.pth --checkpoint ibn-a=gta-a.pth --output runs/table8
  npx ibn-net segment finetune scenes-b --checkpoint a.pth --crop 128 --quick --output runs/quick`;

/** Fine-tunes networks on shares of a target. @returns the exit code: 0, or 75 where a signal ended it */
export async function finetuneSegmenters(
  target: string,
  options: Omit<SegmentFinetuneOptions, 'share'> & { share?: number[] },
  streams: TrainStreams = process,
): Promise<number> {
  const { runFinetune } = await import('../finetune/sweep.ts');
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
  const [{ givenOptions }, { runSegmentTraining }] = await Promise.all([
    import('../../train/config/resolve-config.ts'),
    import('./run-training.ts'),
  ]);
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
