import { DataLoader, decodeImage } from '../../data/index.ts';
import type { Tensor } from '../../tensor/index.ts';
import type { Classifier, Prediction } from '../network/classifier.ts';
import { ImageProgress } from '../network/image-progress.ts';
import { leaveCoresToNetwork } from '../network/leave-cores.ts';
import type { ClassifyOptions, ClassifyStreams } from './classify.ts';
import type { ImageInput } from './image-inputs.ts';
import { printAnswers } from './output.ts';

/** What became of one image. */
export type Answer =
  | { readonly path: string; readonly predictions: readonly Prediction[] }
  | { readonly path: string; readonly error: Error };

type Decoded =
  | { readonly path: string; readonly image: Tensor }
  | { readonly path: string; readonly error: Error };

/** Batches given to the network before the answers of the first are waited for: it never lacks work. */
const UNDER_WAY = 2;

/** Classifies and prints images in their order. Returns how many could not be read. */
export async function classifyImages(
  classifier: Classifier,
  images: readonly ImageInput[],
  options: ClassifyOptions,
  streams: ClassifyStreams,
): Promise<number> {
  const progress = new ImageProgress(images.length, streams.stderr);
  let failures = 0;
  const restore = await leaveCoresToNetwork(classifier.runner);
  try {
    for await (const answers of answersOf(classifier, images, options)) {
      progress.clear();
      printAnswers(answers, options.json ?? false, streams);
      progress.advance(answers.length);
      failures += answers.filter((answer) => 'error' in answer).length;
    }
  } finally {
    progress.clear();
    restore();
  }
  return failures;
}

/** Answers batch by batch, while the next batches are decoded and computed. */
async function* answersOf(
  classifier: Classifier,
  images: readonly ImageInput[],
  { batchSize, top }: ClassifyOptions,
): AsyncGenerator<Answer[], void, undefined> {
  const dataset = {
    length: images.length,
    get: (index: number) => decode(images[index] as ImageInput, classifier),
  };
  const loader = new DataLoader(dataset, { batchSize, collateFn: (batch: Decoded[]) => batch });
  const running: Promise<Answer[]>[] = [];
  for await (const batch of loader) {
    const answering = answer(batch, classifier, top);
    answering.catch(() => {}); // it is awaited later, or never where an earlier one fails
    running.push(answering);
    if (running.length > UNDER_WAY) yield await (running.shift() as Promise<Answer[]>);
  }
  for (const answering of running) yield await answering;
}

async function decode({ path, source }: ImageInput, classifier: Classifier): Promise<Decoded> {
  try {
    const image = await decodeImage(source, { name: path === '-' ? 'standard input' : path });
    const prepared = classifier.prepare(image);
    image.dispose();
    return { path, image: prepared };
  } catch (error) {
    return { path, error: error as Error };
  }
}

async function answer(batch: readonly Decoded[], classifier: Classifier, top: number): Promise<Answer[]> {
  const tensors = batch.flatMap((item) => ('image' in item ? [item.image] : []));
  const predicting = tensors.length > 0 ? classifier.predict(tensors, top) : Promise.resolve([]);
  for (const tensor of tensors) tensor.dispose();
  const results = (await predicting).values();
  return batch.map((item) =>
    'error' in item ? item : { path: item.path, predictions: results.next().value as Prediction[] },
  );
}
