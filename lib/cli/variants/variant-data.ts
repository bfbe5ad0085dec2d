import { join } from 'node:path';
import { type datasets as Data, DataLoader, datasets, transforms } from '../../data/index.ts';
import type { Tensor } from '../../tensor/index.ts';
import { parseTests } from './domains.ts';
import type { VariantsForm } from './form.ts';

type Pair = [image: Tensor, label: number];
type Batches = AsyncIterable<[Tensor, Tensor]>;

/** What networks are trained on and tested on. */
export interface VariantData {
  readonly classes: readonly string[];
  /** Batches of normalised images and labels; those of a seed come in an order of its own. */
  train(seed: number): DataLoader<Pair, [Tensor, Tensor]>;
  /** `origin` first: images like those of training; then other domains. */
  readonly tests: ReadonlyMap<string, () => Batches>;
}

/** Reads a folder, or draws emoji, which are kept in `cache`. */
export async function loadVariantData(
  form: VariantsForm,
  seed: number,
  cache: string | undefined,
): Promise<VariantData> {
  return form.data === undefined ? await emojiData(form, seed, cache) : folderData(form, form.data);
}

function folderData({ size, test, batchSize }: VariantsForm, root: string): VariantData {
  const resize = Math.round((size * 256) / 224);
  const transform = transforms.imagenetEval({ resize, crop: size });
  const training = new datasets.ImageFolder(join(root, 'train'), {
    transform: transforms.imagenetTrain({ crop: size }),
  });
  const folders = [['origin', join(root, 'val')], ...parseTests(test)] as [string, string][];
  const sets = folders.map(([name, folder]) => {
    const images = new datasets.ImageFolder(folder, { transform });
    checkClasses(folder, images.classes, training.classes);
    return [name, () => batchesOf(images, batchSize)] as const;
  });
  return {
    classes: training.classes,
    train: (seed) => new DataLoader(training, { batchSize, shuffle: true, dropLast: true, seed }) as never,
    tests: new Map(sets),
  };
}

function checkClasses(folder: string, found: readonly string[], wanted: readonly string[]): void {
  const other = found.find((name, i) => name !== wanted[i]);
  if (found.length === wanted.length && other === undefined) return;
  throw new RangeError(
    `Expected the ${wanted.length} classes of train in ${folder}, got ${found.length}${other === undefined ? '' : `, "${other}" among them`}`,
  );
}

/** One style of each hand to train with, and two that are never seen. */
const SEEN = ['noto', 'openmoji', 'fluent-emoji'];
const UNSEEN = ['twemoji', 'emojione'];

/** Training on 70 % of the things in three styles; tests are the others, in these styles and in styles never seen. */
async function emojiData(
  { size, packages, batchSize }: VariantsForm,
  seed: number,
  cache: string | undefined,
): Promise<VariantData> {
  const emoji = await datasets.EmojiStyles.load({
    ...{ styles: [...SEEN, ...UNSEEN], inAll: [...SEEN, 'twemoji'], size },
    ...(packages === undefined ? {} : { packages }),
    ...(cache === undefined ? {} : { cache }),
  });
  const [known = [], fresh = []] = datasets.splitEmoji(emoji.emoji, [0.7, 0.3], { seed });
  const plain = transforms.imagenetEval({ resize: size, crop: size });
  const normalise = new transforms.Normalize(transforms.IMAGENET_MEAN, transforms.IMAGENET_STD);
  const augmented = new transforms.Compose([
    new transforms.RandomCrop(size, { padding: Math.round(size / 16), paddingMode: 'edge' }),
    new transforms.RandomHorizontalFlip(),
    new transforms.ToTensor(),
    normalise,
  ]);
  const pick = (styles: readonly string[], things: readonly Data.Emoji[], transform: transforms.Compose) =>
    pictures(emoji, emoji.indices({ styles, emoji: things }), transform);
  const training = pick(SEEN, known, augmented);
  const origin = pick(SEEN, fresh, plain);
  const others = UNSEEN.map((style) => [style, pick([style], fresh, plain)] as const);
  const tests = [['origin', origin] as const, ...others];
  return {
    classes: emoji.classes,
    train: (of) => new DataLoader(training, { batchSize, shuffle: true, dropLast: true, seed: of }) as never,
    tests: new Map(tests.map(([name, set]) => [name, () => batchesOf(set, 256)])),
  };
}

function pictures(
  emoji: Data.EmojiStyles,
  indices: readonly number[],
  transform: transforms.Compose,
): Data.Dataset<Pair> {
  return {
    length: indices.length,
    get: (at) => {
      const [image, label] = emoji.get(indices[at] as number);
      const prepared = transform.forward(image);
      image.dispose();
      return [prepared, label];
    },
  };
}

const batchesOf = (set: Data.Dataset<unknown>, batchSize: number) =>
  new DataLoader(set as Data.Dataset<Pair>, { batchSize }) as unknown as Batches;
