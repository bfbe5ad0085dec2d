import * as checkpoint from '../../checkpoint/index.ts';
import * as models from '../../models/index.ts';
import { stemOptions } from '../../models/recognise.ts';
import * as nn from '../../nn/index.ts';
import { suggestion } from '../../options.ts';
import type { Described, Recipe } from '../recipe.ts';
import type { ImageNetwork } from './network-runner.ts';

/** A file of weights and how it is loaded. */
export interface ClassifierFile {
  readonly checkpoint: string;
  /** Entry point such as "resnet50_ibn_a". Default: what the checkpoint names. */
  readonly model?: string | undefined;
  /** What to take from the front of the file's keys; default `'auto'`, which finds it. */
  readonly stripPrefix?: string | undefined;
  /** Whether keys must fit, all of them. Default true. */
  readonly strict?: boolean | undefined;
  /** Divide the norms of a plain network among `IN` and `BN`. Default false. */
  readonly splitNorms?: boolean | undefined;
}

/** The class that models without an entry point are saved as. */
const FROM_BLOCKS = 'ResNet_IBN';

/** Refuses a model that there is not, before any file is read. */
export function requireModel(name: string | undefined): void {
  const known = models.listModels();
  if (name === undefined || name === FROM_BLOCKS || known.includes(name)) return;
  throw new RangeError(`Unknown model "${name}"${suggestion(name, known, 'models')}`);
}

/** How many classes the file's classifier tells apart. */
export function classCount(shapes: ReadonlyMap<string, readonly number[]>, path: string): number {
  for (const [key, shape] of shapes) {
    if (/(^|\.)(fc|classifier)\.weight$/.test(key) && shape.length === 2) return shape[0] as number;
  }
  throw new RangeError(
    `Expected "fc.weight" or "classifier.weight" in ${path}, got neither; pass a classifier's file, or see what is in ` +
      'this one: ibn-net inspect FILE',
  );
}

/** A network with its weights, in evaluation mode. */
export interface LoadedModel {
  readonly model: ImageNetwork;
  /** Of the images that it takes. */
  readonly channels: number;
}

/** Builds the network that is asked for, or that the file names, and fills it. */
export function loadModel(described: Described, numClasses: number, file: ClassifierFile): LoadedModel {
  const read = { ...stemOptions(described.shapes), numClasses };
  const channels = imageChannels(described, file.checkpoint);
  const build = () => buildModel(described.recipe, read, file);
  const { checkpoint: path, stripPrefix = 'auto', strict = true, splitNorms = false } = file;
  // What is missing needs its initial numbers.
  const model = strict ? nn.utils.skipInit(build) : build();
  checkpoint.loadInto(model, path, { stripPrefix, strict, splitNorms });
  model.eval();
  return { model, channels };
}

/** Of the images: how those of other than three are prepared only the file can say. */
function imageChannels({ recipe, shapes }: Described, path: string): number {
  const { channels = 3 } = recipe.input;
  const { inChannels = 3 } = stemOptions(shapes);
  if (recipe.input.channels !== undefined || inChannels === channels) return channels;
  throw new RangeError(
    `Expected a network for images of 3 channels in ${path}, got one for ${inChannels} and nothing on how they are ` +
      'prepared; load it in TypeScript and prepare them yourself',
  );
}

interface ReadOptions {
  readonly numClasses: number;
  readonly inChannels?: number;
  readonly stem?: 'small';
}

/** @param read What the file's shapes tell. */
function buildModel(recipe: Recipe, read: ReadOptions, file: ClassifierFile): ImageNetwork {
  const name = file.model ?? recipe.arch;
  if (name === undefined) {
    throw new RangeError(
      `Expected --model beside ${file.checkpoint}, which names no network; pass --model NAME`,
    );
  }
  if (name === FROM_BLOCKS && recipe.arch === name) return buildFromBlocks(recipe, read.numClasses);
  const { stem, ...others } = read;
  const fromShapes = takesStem(name) && stem !== undefined ? read : others;
  const own = name === recipe.arch ? recipe.options : {};
  return models.getModel(name, { ...fromShapes, ...own, numClasses: read.numClasses });
}

/** Whether the network comes with a stem for small images. */
const takesStem = (name: string) => /^(se_)?resnet\d/.test(name);

function buildFromBlocks(recipe: Recipe, numClasses: number): ImageNetwork {
  const blocks = { BasicBlock_IBN: models.BasicBlock_IBN, Bottleneck_IBN: models.Bottleneck_IBN };
  const block = blocks[recipe.block as keyof typeof blocks];
  if (block === undefined || recipe.layers === undefined) {
    throw new RangeError(
      `Expected "block" and "layers" in the checkpoint's args, got ${recipe.block}; pass --model`,
    );
  }
  return new models.ResNet_IBN(block, recipe.layers as [number, number, number, number], {
    ...recipe.options,
    numClasses,
  });
}
