import { join } from 'node:path';
import { datasets, transforms } from '../../data/index.ts';
import { stemOptions } from '../../models/recognise.ts';
import { classifierFigures } from '../adapt/classifier-figures.ts';
import { loadClassifier } from '../adapt/load-classifier.ts';
import { classCount } from '../network/classifier-model.ts';
import { Preparation } from '../network/preparation.ts';
import { type Described, describeFile, type InputRecipe } from '../recipe.ts';
import { placesOf, resizeOf } from '../train/run-data.ts';
import type { TrainOptions, TrainStreams } from '../train/train.ts';
import type { FinetuneForm, FinetuneOptions, FinetuneRun } from './form.ts';
import { chosenOf, link, linkFiles } from './subset.ts';
import type { FinetuneTask } from './sweep.ts';

/** Classifiers on `TARGET/train` and `TARGET/val`. */
export function classifiers(form: FinetuneForm, options: FinetuneOptions): FinetuneTask {
  const { target } = form;
  const train = new datasets.ImageFolder(join(target, 'train'));
  const val = new datasets.ImageFolder(join(target, 'val'));
  const images = { folder: val, labels: placesOf(val, train) };
  const groups = train.classes.map((_, label) =>
    train.samples.flatMap(([path, of]) => (of === label ? [String(path)] : [])),
  );
  return {
    figure: 'top1',
    check: ({ checkpoint }) => checkNetwork(checkpoint, train, form),
    before: async ({ checkpoint }) => {
      const { model, recipe, count, channels } = loadClassifier({ checkpoint });
      model.to(options.device as 'cpu');
      const preparation = new Preparation(recipe.input, sizesOf(form, recipe.input), channels);
      const figures = await classifierFigures(model, images, preparation, count, {
        ...options,
        batchSize: EVALUATED,
      }).finally(() => model.dispose());
      return figures.top1;
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

/** Images that are evaluated together. */
const EVALUATED = 32;

/** What is trained must be the network that is evaluated before, on images that are prepared alike. */
function checkNetwork(checkpoint: string, train: datasets.ImageFolder, form: FinetuneForm): void {
  const described = describeFile(checkpoint);
  checkClasses(checkpoint, described, train);
  checkInput(checkpoint, described);
  sizesOf(form, described.recipe.input);
}

/** The classifier's outputs must mean the folders in their order, or training would begin with others. */
function checkClasses(
  checkpoint: string,
  { recipe: { classes }, shapes }: Described,
  { root, classes: folders }: datasets.ImageFolder,
): void {
  const count = classCount(shapes, checkpoint);
  if (count !== folders.length)
    throw new RangeError(
      `Expected a folder in ${root} for each of the ${count} classes of ${checkpoint}, got ${folders.length}; for other classes ` +
        'a network needs another classifier, which ibn-net train --checkpoint gives it',
    );
  const other = classes?.length === count ? classes.findIndex((name, i) => name !== folders[i]) : -1;
  if (other < 0) return;
  throw new RangeError(
    `Expected folders of the classes of ${checkpoint} in their order, got "${folders[other]}" for "${classes?.[other]}"`,
  );
}

/** Training prepares images in one way, whatever the file says. */
function checkInput(checkpoint: string, { recipe, shapes }: Described): void {
  const { mean = transforms.IMAGENET_MEAN, std = transforms.IMAGENET_STD, channels = 3 } = recipe.input;
  const { inChannels = channels } = stemOptions(shapes);
  const isTrained =
    isSame(mean, transforms.IMAGENET_MEAN) &&
    isSame(std, transforms.IMAGENET_STD) &&
    channels === 3 &&
    inChannels === 3;
  if (isTrained) return;
  throw new RangeError(
    `Expected a network for images of 3 channels with ImageNet's mean and std in ${checkpoint}, as training prepares them, ` +
      `got ${inChannels} with mean ${mean.join(' ')} and std ${std.join(' ')}`,
  );
}

const isSame = (some: readonly number[], others: readonly number[]) =>
  some.length === others.length && some.every((value, i) => Math.abs(value - (others[i] as number)) < 1e-6);

/** Those of the file; a crop that is asked for has the shorter side that training gives it. */
function sizesOf({ crop }: FinetuneForm, input: Partial<InputRecipe>): { resize: number; crop: number } {
  if (crop === null) {
    const saved = new Preparation(input, {}, 3);
    return { resize: saved.resize, crop: saved.crop };
  }
  const [side, ...more] = crop;
  if (side === undefined || more.length > 0)
    throw new RangeError(`Expected one number for --crop, got ${crop.join(' ')}`);
  return { resize: resizeOf({ crop: side }), crop: side };
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
  const { epochs, batchSize, lr } = form;
  const told: TrainOptions = {
    ...{ checkpoint, epochs, batchSize, lr, workers, device, output, seed },
    ...sizesOf(form, recipe.input),
    ...{ scheduler: 'cosine', resume: 'auto' },
  };
  return await train(place, told, streams);
}
