import { readFile } from 'node:fs/promises';
import * as checkpoint from '../checkpoint/index.ts';
import { IMAGENET_CLASSES, transforms } from '../data/index.ts';
import * as models from '../models/index.ts';
import * as nn from '../nn/index.ts';
import { cudaInfo, type DType, inferenceMode, scope, stack, type Tensor } from '../tensor/index.ts';
import { describeFile, type InputRecipe, type Recipe } from './recipe.ts';

/** How {@link Classifier.load} builds a network. */
export interface ClassifierOptions {
  checkpoint: string;
  /** Entry point such as "resnet50_ibn_a". Default: what the checkpoint names. */
  model?: string | undefined;
  /** "cpu" (default) or "cuda". */
  device?: string | undefined;
  resize?: number | undefined;
  crop?: number | undefined;
  /** A file of class names, one per line or a JSON array. */
  classes?: string | undefined;
  /** What to take from the front of the file's keys; default `'auto'`, which finds it. */
  stripPrefix?: string | undefined;
  /** Whether keys must fit, all of them. Default true. */
  strict?: boolean | undefined;
  /** Divide the norms of a plain network among `IN` and `BN`. Default false. */
  splitNorms?: boolean | undefined;
  /** What to compute in; default float32, whatever the file has. */
  dtype?: DType | undefined;
}

/** One guess of the network. */
export interface Prediction {
  readonly class: string;
  readonly index: number;
  readonly probability: number;
}

/** A network with its weights, its preparation of images and its class names. */
export class Classifier {
  readonly model: nn.Module & { forward(x: Tensor): Tensor };
  readonly classes: readonly string[];
  readonly device: string;
  private readonly dtype: DType;
  private readonly transform: transforms.Compose;

  private constructor(
    model: Classifier['model'],
    classes: readonly string[],
    device: string,
    dtype: DType,
    transform: transforms.Compose,
  ) {
    this.model = model;
    this.classes = classes;
    this.device = device;
    this.dtype = dtype;
    this.transform = transform;
  }

  static async load(options: ClassifierOptions): Promise<Classifier> {
    const device = options.device ?? 'cpu';
    requireDevice(device);
    const { recipe, shapes } = describeFile(options.checkpoint);
    const count = classCount(shapes, options.checkpoint);
    const build = () => buildModel(options, recipe, count);
    const { stripPrefix = 'auto', strict = true, splitNorms = false, dtype } = options;
    // What is missing needs its initial numbers.
    const model = strict ? nn.utils.skipInit(build) : build();
    checkpoint.loadInto(model, options.checkpoint, { stripPrefix, strict, splitNorms });
    model.eval();
    if (device !== 'cpu' || dtype !== undefined) model.to({ device, ...(dtype ? { dtype } : {}) });
    const names = options.classes ? await readClassNames(options.classes, count) : savedNames(recipe, count);
    return new Classifier(model, names, device, dtype ?? 'float32', preparation(recipe.input, options));
  }

  /** A decoded image (3, H, W) as the network takes it, (C, crop, crop). */
  prepare(image: Tensor): Tensor {
    return this.transform.forward(image);
  }

  /** The `top` most probable classes of every prepared image. */
  predict(images: readonly Tensor[], top: number): Prediction[][] {
    return scope(() =>
      inferenceMode(() => {
        const logits = this.model.forward(
          stack([...images], 0).to({ device: this.device, dtype: this.dtype }),
        );
        const [values, indices] = logits
          .to({ dtype: 'float32' })
          .softmax(1)
          .topk(Math.min(top, this.classes.length), 1);
        return this.pair(values.toArray() as number[][], indices.toArray() as number[][]);
      }),
    );
  }

  private pair(values: number[][], indices: number[][]): Prediction[][] {
    return values.map((row, image) =>
      row.map((probability, rank) => {
        const index = Number(indices[image]?.[rank]);
        return { class: this.classes[index] ?? String(index), index, probability };
      }),
    );
  }
}

function requireDevice(device: string): void {
  const reason = device.startsWith('cuda') ? cudaInfo().reason : null;
  if (reason !== null)
    throw new RangeError(`Expected a CUDA device for --device ${device}, got none: ${reason}`);
}

function classCount(shapes: ReadonlyMap<string, readonly number[]>, path: string): number {
  for (const [key, shape] of shapes) {
    if (/(^|\.)(fc|classifier)\.weight$/.test(key) && shape.length === 2) return shape[0] as number;
  }
  throw new RangeError(
    `Expected "fc.weight" or "classifier.weight" in ${path}, got neither; pass a classifier's file, or see what is in ` +
      'this one: ibn-net inspect FILE',
  );
}

function buildModel(options: ClassifierOptions, recipe: Recipe, numClasses: number): Classifier['model'] {
  const name = options.model ?? recipe.arch;
  if (name === undefined) {
    throw new RangeError(
      `Expected --model beside ${options.checkpoint}, which names no network; pass --model NAME`,
    );
  }
  const own = name === recipe.arch ? recipe.options : {};
  if (name === 'ResNet_IBN' && recipe.arch === name) return buildFromBlocks(recipe, numClasses);
  return models.getModel(name, { ...own, numClasses });
}

function buildFromBlocks(recipe: Recipe, numClasses: number): Classifier['model'] {
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

async function readClassNames(path: string, count: number): Promise<string[]> {
  const text = await readFile(path, 'utf8');
  const parsed: unknown = text.trimStart().startsWith('[') ? JSON.parse(text) : text.trimEnd().split(/\r?\n/);
  const names = (parsed as unknown[]).map(String);
  if (names.length === count) return names;
  throw new RangeError(`Expected ${count} class names in ${path}, got ${names.length}`);
}

function savedNames(recipe: Recipe, count: number): readonly string[] {
  if (recipe.classes?.length === count) return recipe.classes;
  return count === IMAGENET_CLASSES.length
    ? IMAGENET_CLASSES
    : Array.from({ length: count }, (_, index) => String(index));
}

function preparation(saved: Partial<InputRecipe>, options: ClassifierOptions): transforms.Compose {
  const crop = options.crop ?? saved.crop ?? 224;
  const resize = options.resize ?? saved.resize ?? 256;
  return new transforms.Compose([
    ...(saved.channels === 1 ? [new transforms.Grayscale(1)] : []),
    new transforms.Resize(resize),
    new transforms.CenterCrop(crop),
    new transforms.ToTensor(),
    new transforms.Normalize(saved.mean ?? transforms.IMAGENET_MEAN, saved.std ?? transforms.IMAGENET_STD),
  ]);
}
