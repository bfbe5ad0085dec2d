import { join } from 'node:path';
import { datasets } from '../../data/index.ts';
import { classificationTask } from '../adapt/classification.ts';
import { Preparation } from '../network/preparation.ts';
import { describeFile } from '../recipe.ts';
import type { TrainStreams } from '../train/train.ts';
import type { FinetuneForm, FinetuneOptions, FinetuneRun } from './form.ts';
import { chosenOf, link, linkFiles } from './subset.ts';
import type { FinetuneTask } from './sweep.ts';

/** Classifiers on `TARGET/train` and `TARGET/val`. */
export function classifiers(form: FinetuneForm, options: FinetuneOptions): FinetuneTask {
  const { target } = form;
  const train = new datasets.ImageFolder(join(target, 'train'));
  const groups = train.classes.map((_, label) =>
    train.samples.flatMap(([path, of]) => (of === label ? [String(path)] : [])),
  );
  const { workers, device } = options;
  return {
    figure: 'top1',
    before: async ({ checkpoint }) => {
      checkClasses(checkpoint, train.classes);
      const common = { method: 'adabn', output: '', batchSize: 32, seed: 0, workers, device } as const;
      const sizes = form.crop === null ? {} : { crop: sizeOf(form) as number };
      const task = await classificationTask(target, { ...common, ...sizes, checkpoint, test: target });
      task.model.to(device as 'cpu');
      return (await task.figures()).top1 as number;
    },
    choose: (place, { share, seed }) => {
      const files = chosenOf(groups, share, seed, form.limit);
      linkFiles(files, target, place);
      link(join(target, 'val'), join(place, 'val'));
      return files.length;
    },
    train: (run, place, output, streams) => trainOn(run, place, output, form, options, streams),
  };
}

/** The classifier's outputs must mean the folders in their order, or training would begin with others. */
function checkClasses(checkpoint: string, folders: readonly string[]): void {
  const { classes } = describeFile(checkpoint).recipe;
  if (classes === undefined || classes.length !== folders.length) return;
  const other = classes.findIndex((name, i) => name !== folders[i]);
  if (other < 0) return;
  throw new RangeError(
    `Expected folders of the classes of ${checkpoint} in their order, got "${folders[other]}" for "${classes[other]}"`,
  );
}

function sizeOf({ crop }: FinetuneForm): number | undefined {
  if (crop === null) return undefined;
  if (crop.length === 1) return crop[0] as number;
  throw new RangeError(`Expected one number for --crop, got ${crop.join(' ')}`);
}

async function trainOn(
  { checkpoint, seed }: FinetuneRun,
  place: string,
  output: string,
  form: FinetuneForm,
  { workers, device }: FinetuneOptions,
  streams: TrainStreams,
): Promise<number> {
  const [{ train }, { recipe }] = [await import('../train/train.ts'), describeFile(checkpoint)];
  const saved = new Preparation(recipe.input, {}, 3);
  const crop = sizeOf(form) ?? saved.crop;
  const resize = form.crop === null ? saved.resize : undefined;
  const { epochs, batchSize, lr } = form;
  const told = {
    ...{ checkpoint, epochs, batchSize, lr, crop, workers, device, output, seed },
    ...(resize === undefined ? {} : { resize }),
    ...{ scheduler: 'cosine', resume: 'auto' },
  };
  return await train(place, told as never, streams);
}
