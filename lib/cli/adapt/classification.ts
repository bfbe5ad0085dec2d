import { join } from 'node:path';
import { IMAGENET_CLASSES } from '../../data/imagenet-classes.ts';
import { datasets, transforms } from '../../data/index.ts';
import { messageOf } from '../../errors.ts';
import { matchLabels } from '../evaluate/labels.ts';
import { isFolder } from '../is-folder.ts';
import { requireModel } from '../network/classifier-model.ts';
import { Preparation } from '../network/preparation.ts';
import type { Recipe } from '../recipe.ts';
import type { AdaptOptions } from './adapt-options.ts';
import type { AdaptTask } from './adapt-task.ts';
import { classifierFigures, type LabelledFolder, labelledImages } from './classifier-figures.ts';
import { loadClassifier } from './load-classifier.ts';

/** Options of `adapt`, as commander gives them. */
export interface ClassifierAdaptOptions extends AdaptOptions {
  model?: string;
  test?: string;
  resize?: number;
  crop?: number;
}

const inside = (root: string, split: string) => (isFolder(join(root, split)) ? join(root, split) : root);

/** A classifier and a folder of images, `TARGET/train` where there is one. */
export async function classificationTask(root: string, options: ClassifierAdaptOptions): Promise<AdaptTask> {
  requireModel(options.model);
  const { recipe, count, model, channels } = loadClassifier(options);
  const preparation = new Preparation(recipe.input, options, channels);
  const classes = namesOf(recipe, count);
  const { images, reason } = labelled(root, options, classes);
  const target = inside(root, 'train');
  return {
    model,
    name: options.model ?? recipe.arch ?? model.constructor.name,
    target,
    views: viewsOf(preparation),
    test: images === undefined ? undefined : { name: images.root, images: images.folder.length },
    noTest: reason,
    figures: () => classifierFigures(model, images as Labelled, preparation, count, options),
    source: () => sourceOf(options, classes, preparation),
    extra: extraOf(recipe, preparation, options, classes),
  };
}

interface Classes {
  readonly classes: readonly string[];
  readonly namesFrom: 'checkpoint' | 'imagenet' | 'numbers';
}

function namesOf(recipe: Recipe, count: number): Classes {
  if (recipe.classes?.length === count) return { classes: recipe.classes, namesFrom: 'checkpoint' };
  if (count === IMAGENET_CLASSES.length) return { classes: IMAGENET_CLASSES, namesFrom: 'imagenet' };
  return { classes: Array.from({ length: count }, (_, index) => String(index)), namesFrom: 'numbers' };
}

interface Labelled extends LabelledFolder {
  readonly root: string;
}

function readLabelled(root: string, classes: Classes): Labelled {
  const folder = new datasets.ImageFolder(root);
  return { root, folder, ...matchLabels(folder.classes, classes, false) };
}

/** Of `--test`; else of the target where its folders are the network's classes. */
function labelled(
  root: string,
  { test }: ClassifierAdaptOptions,
  classes: Classes,
): { images?: Labelled; reason?: string } {
  if (test !== undefined) return { images: readLabelled(inside(test, 'val'), classes) };
  try {
    return { images: readLabelled(inside(root, 'val'), classes) };
  } catch (error) {
    return { reason: `${messageOf(error)}; --test FOLDER names labelled images` };
  }
}

function viewsOf({ shaping, crop, mean, std, channels }: Preparation): AdaptTask['views'] {
  const colours =
    channels === 1
      ? { brightness: 0.4, contrast: 0.4 }
      : { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 };
  return {
    shape: shaping,
    keep: shaping,
    spoil: new transforms.Compose([
      new transforms.RandomResizedCrop(crop, { scale: [0.5, 1] }),
      new transforms.RandomHorizontalFlip(),
      new transforms.ColorJitter(colours),
    ]),
    normalise: new transforms.Compose([new transforms.ToTensor(), new transforms.Normalize(mean, std)]),
  };
}

function sourceOf(options: AdaptOptions, classes: Classes, { crop, mean, std, channels }: Preparation) {
  if (options.source === undefined) return undefined;
  const images = readLabelled(inside(options.source, 'train'), classes);
  const transform = new transforms.Compose([
    new transforms.RandomResizedCrop(crop, { scale: [0.5, 1] }),
    new transforms.RandomHorizontalFlip(),
    ...(channels === 1 ? [new transforms.Grayscale(1)] : []),
    new transforms.ToTensor(),
    new transforms.Normalize(mean, std),
  ]);
  return (async function* again() {
    for (;;) yield* labelledImages(images, transform, options, true);
  })();
}

/** What `classify`, `evaluate` and `adapt` read of a file. */
function extraOf(
  recipe: Recipe,
  { resize, crop, mean, std, channels }: Preparation,
  { model }: ClassifierAdaptOptions,
  { classes, namesFrom }: Classes,
): Record<string, unknown> {
  const { block, layers, options } = recipe;
  const own = model === undefined || model === recipe.arch;
  const built = {
    ...(block === undefined ? {} : { block }),
    ...(layers === undefined ? {} : { layers: [...layers] }),
  };
  const input = { channels, resize, crop, mean: [...mean], std: [...std] };
  return {
    arch: model ?? recipe.arch ?? null,
    args: { ...(own ? built : {}), options: own ? { ...options } : {}, input },
    ...(namesFrom === 'checkpoint' ? { classes: [...classes] } : {}),
  };
}
