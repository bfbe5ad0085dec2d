import { readFile } from 'node:fs/promises';
import type { RunOptions } from '../../compile/index.ts';
import { IMAGENET_CLASSES } from '../../data/index.ts';
import { fetchFile } from '../../hub/fetch.ts';
import { findWeights, noWeights, weights } from '../../hub/weights.ts';
import { cudaInfo, type DType, inferenceMode, scope, stack, type Tensor } from '../../tensor/index.ts';
import { type Described, describeFile, type Recipe } from '../recipe.ts';
import {
  type ClassifierFile,
  classCount,
  type LoadedModel,
  loadModel,
  requireModel,
} from './classifier-model.ts';
import { type NetworkRunner, networkRunner } from './network-runner.ts';
import { Preparation } from './preparation.ts';

/** How {@link Classifier.load} builds a network and prepares images. */
export interface ClassifierOptions extends Omit<ClassifierFile, 'checkpoint'> {
  /** The weights. Default: those published for the model, from torch.hub's cache or downloaded. */
  checkpoint?: string | undefined;
  /** "cpu" (default) or "cuda". */
  device?: string | undefined;
  resize?: number | undefined;
  crop?: number | undefined;
  /** A file of class names, one per line or a JSON array. */
  classes?: string | undefined;
  /** What to compute in; default float32, whatever the file has. */
  dtype?: DType | undefined;
  /** How a compiled network takes calls: threads, batches, queue. */
  run?: RunOptions | undefined;
}

/** One guess of the network. */
export interface Prediction {
  readonly class: string;
  readonly index: number;
  readonly probability: number;
}

/** Whose published weights are used where neither a model nor a checkpoint is named. */
export const DEFAULT_MODEL = 'resnet50_ibn_a';

/** Whose names the classes have: those of a file, of the checkpoint, of ImageNet's 1,000 classes, or just numbers. */
export type NamesFrom = 'file' | 'checkpoint' | 'imagenet' | 'numbers';

interface ClassNames {
  readonly classes: readonly string[];
  readonly namesFrom: NamesFrom;
}

interface ClassifierParts extends ClassNames {
  readonly architecture: string;
  readonly checkpoint: string;
  readonly runner: NetworkRunner;
  readonly preparation: Preparation;
}

/**
 * A network with its weights, its preparation of images and its class names. On the CPU it is compiled, where `compile`
 * takes the network.
 */
export class Classifier {
  /** Name of the network, such as "resnet50_ibn_a". */
  readonly architecture: string;
  /** The file that the weights are from. */
  readonly checkpoint: string;
  readonly classes: readonly string[];
  readonly namesFrom: NamesFrom;
  readonly runner: NetworkRunner;
  readonly preparation: Preparation;

  private constructor(parts: ClassifierParts) {
    const { architecture, checkpoint, runner, classes, namesFrom, preparation } = parts;
    this.architecture = architecture;
    this.checkpoint = checkpoint;
    this.runner = runner;
    this.classes = classes;
    this.namesFrom = namesFrom;
    this.preparation = preparation;
  }

  /** @throws RangeError for an unknown model, before any file is read; HubError, CheckpointError. */
  static async load(options: ClassifierOptions): Promise<Classifier> {
    const { device = 'cpu', dtype = 'float32' } = options;
    requireDevice(device);
    const { model, channels, described, count, file } = await loadClassifier(options);
    const { recipe } = described;
    if (device !== 'cpu' || dtype !== 'float32') model.to({ device, dtype });
    const preparation = new Preparation(recipe.input, options, channels);
    const { crop } = preparation;
    const names = await classNames(options.classes, recipe, count);
    const image = [channels, crop, crop];
    const runner = await networkRunner(model, { device, dtype, image, run: options.run });
    const architecture = file.model ?? recipe.arch ?? model.constructor.name;
    return new Classifier({ architecture, checkpoint: file.checkpoint, runner, preparation, ...names });
  }

  /** A decoded image (3, H, W) as the network takes it, (C, crop, crop). */
  prepare(image: Tensor): Tensor {
    return this.preparation.forward(image);
  }

  /** The `top` most probable classes of every prepared image. They may be disposed as soon as this returns. */
  async predict(images: readonly Tensor[], top: number): Promise<Prediction[][]> {
    const batch = stack([...images], 0);
    const running = this.runner.run(batch);
    batch.dispose();
    const logits = await running;
    try {
      return scope(() => inferenceMode(() => this.#best(logits, top)));
    } finally {
      logits.dispose();
    }
  }

  #best(logits: Tensor, top: number): Prediction[][] {
    const [values, indices] = logits.softmax(1).topk(Math.min(top, this.classes.length), 1);
    return this.#pair(values.toArray() as number[][], indices.toArray() as number[][]);
  }

  #pair(values: number[][], indices: number[][]): Prediction[][] {
    return values.map((row, image) =>
      row.map((probability, rank) => {
        const index = Number(indices[image]?.[rank]);
        return { class: this.classes[index] ?? String(index), index, probability };
      }),
    );
  }
}

/** A network for classification as its file has it. */
export interface LoadedClassifier extends LoadedModel {
  readonly described: Described;
  /** Of classes. */
  readonly count: number;
  readonly file: WeightsFile;
}

/** @throws RangeError for an unknown model, before any file is read; HubError, CheckpointError. */
export async function loadClassifier(options: FileChoice): Promise<LoadedClassifier> {
  requireModel(options.model);
  const file = await weightsFile(options);
  const described = describeFile(file.checkpoint);
  const count = classCount(described.shapes, file.checkpoint);
  return { ...loadModel(described, count, { ...options, ...file }), described, count, file };
}

function requireDevice(device: string): void {
  const reason = device.startsWith('cuda') ? cudaInfo().reason : null;
  if (reason !== null)
    throw new RangeError(`Expected a CUDA device for --device ${device}, got none: ${reason}`);
}

/** A file of weights, or none: that of the model is taken then. */
type FileChoice = Omit<ClassifierFile, 'checkpoint'> & { readonly checkpoint?: string | undefined };

type WeightsFile = Pick<ClassifierFile, 'checkpoint' | 'model'>;

/** The file that was named, or the one published for the model. */
async function weightsFile({ checkpoint, model }: FileChoice): Promise<WeightsFile> {
  if (checkpoint !== undefined) return { checkpoint, model };
  const name = model ?? DEFAULT_MODEL;
  if (findWeights(name) === undefined)
    throw noWeights(`Expected --checkpoint beside --model ${name}, got none`);
  return { checkpoint: await fetchFile(weights(name).url), model: name };
}

async function classNames(path: string | undefined, recipe: Recipe, count: number): Promise<ClassNames> {
  if (path !== undefined) return { classes: await readClassNames(path, count), namesFrom: 'file' };
  if (recipe.classes?.length === count) return { classes: recipe.classes, namesFrom: 'checkpoint' };
  if (count === IMAGENET_CLASSES.length) return { classes: IMAGENET_CLASSES, namesFrom: 'imagenet' };
  return { classes: Array.from({ length: count }, (_, index) => String(index)), namesFrom: 'numbers' };
}

async function readClassNames(path: string, count: number): Promise<string[]> {
  const text = await readFile(path, 'utf8');
  const parsed: unknown = text.trimStart().startsWith('[') ? JSON.parse(text) : text.trimEnd().split(/\r?\n/);
  const names = (parsed as unknown[]).map(String);
  if (names.length === count) return names;
  throw new RangeError(`Expected ${count} class names in ${path}, got ${names.length}`);
}
