import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import { fsEncode } from '../data/fs-path.ts';
import type { DType, Tensor } from '../tensor/index.ts';
import type { Classifier, Prediction } from './classifier.ts';
import { adviseInFlags } from './flag-advice.ts';
import type { ImageInput } from './image-inputs.ts';
import { ImageProgress, type ProgressStream } from './image-progress.ts';

/** Options of {@link classify}, as commander gives them. */
export interface ClassifyOptions {
  checkpoint: string;
  model?: string;
  top: number;
  device: string;
  json?: boolean;
  batchSize: number;
  resize?: number;
  crop?: number;
  classes?: string;
  stripPrefix?: string;
  strict?: boolean;
  splitNorms?: boolean;
  dtype?: DType;
}

/** Where {@link classify} reads and writes; the process's own streams by default. */
export interface ClassifyStreams {
  stdin: AsyncIterable<Uint8Array>;
  stdout: { write(text: string | Uint8Array): unknown };
  stderr: ProgressStream;
}

interface Decoded {
  readonly path: string;
  readonly image?: Tensor;
  readonly error?: Error;
}

/** Adds the command `classify` to the program. */
export function registerClassify(program: Command): void {
  program
    .command('classify')
    .description('Name what images show')
    .argument('<image...>', 'files, folders (searched through), or - for an image on standard input')
    .option(
      '--model <name>',
      'the network, such as resnet50_ibn_a; default: the one that the checkpoint names',
    )
    .requiredOption('--checkpoint <file>', 'the weights, a .pth file')
    .option('--top <n>', 'how many classes to print', wholeNumber, 5)
    .addOption(new Option('--device <device>', 'where to compute').choices(['cpu', 'cuda']).default('cpu'))
    .option(
      '--json',
      'print one JSON object a line: {"path", "predictions": [{"class", "index", "probability"}]}',
    )
    .option('--batch-size <n>', 'images computed together', wholeNumber, 8)
    .option(
      '--resize <pixels>',
      "length of the shorter side before cropping; default 256, or the checkpoint's",
      wholeNumber,
    )
    .option(
      '--crop <pixels>',
      "side of the square taken from the middle; default 224, or the checkpoint's",
      wholeNumber,
    )
    .option(
      '--classes <file>',
      "class names, one per line or a JSON array; default ImageNet's, or the checkpoint's",
    )
    .option(
      '--strip-prefix <prefix>',
      'take this from the front of the file\'s keys, such as module.; "auto" finds it',
      'auto',
    )
    .option(
      '--no-strict',
      'leave out keys that the network does not know, and leave initial what the file lacks',
    )
    .option('--split-norms', 'weights of a plain network for one with IBN: divide its norms among IN and BN')
    .addOption(
      new Option('--dtype <dtype>', 'what to compute in; the file may have another')
        .choices(['float32', 'float16', 'bfloat16'])
        .default('float32'),
    )
    .action(async (paths: string[], options: ClassifyOptions) => {
      process.stdout.on('error', stopWhenClosed);
      process.exitCode = await classify(paths, options);
    });
}

/** `classify folder | head` closes the pipe early, which is no failure. */
function stopWhenClosed(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new InvalidArgumentError(`Expected a positive integer, got "${text}".`);
}

/**
 * Classifies images and prints the results in the order of the arguments. Reports what cannot be read on
 * `stderr` and goes on.
 *
 * @returns the exit code: 1 when an image could not be read, else 0
 */
export async function classify(
  paths: readonly string[],
  options: ClassifyOptions,
  streams: ClassifyStreams = process,
): Promise<number> {
  const [{ Classifier }, { expandInputs }] = await Promise.all([
    import('./classifier.ts'),
    import('./image-inputs.ts'),
  ]);
  const classifier = await Classifier.load(options).catch(adviseInFlags);
  const { images, problems } = await expandInputs(paths, streams.stdin);
  for (const problem of problems) streams.stderr.write(`${problem}\n`);
  const failures = await classifyAll(classifier, images, options, streams);
  return failures + problems.length > 0 ? 1 : 0;
}

async function classifyAll(
  classifier: Classifier,
  images: readonly ImageInput[],
  options: ClassifyOptions,
  streams: ClassifyStreams,
): Promise<number> {
  const [{ DataLoader }, { default: sharp }] = await Promise.all([
    import('../data/index.ts'),
    import('sharp'),
  ]);
  // Several images are decoded at once; more threads for each would only get in the network's way.
  sharp.concurrency(1);
  const dataset = {
    length: images.length,
    get: (index: number) => decode(images[index] as ImageInput, classifier),
  };
  const loader = new DataLoader(dataset, {
    batchSize: options.batchSize,
    collate: (batch: Decoded[]) => batch,
  });
  const progress = new ImageProgress(images.length, streams.stderr);
  let failures = 0;
  try {
    for await (const batch of loader) {
      progress.clear();
      failures += printBatch(batch, classifier, options, streams);
      progress.advance(batch.length);
    }
  } finally {
    progress.clear();
  }
  return failures;
}

async function decode({ path, source }: ImageInput, classifier: Classifier): Promise<Decoded> {
  const { decodeImage } = await import('../data/index.ts');
  try {
    const image = await decodeImage(source, { name: path === '-' ? 'standard input' : path });
    const prepared = classifier.prepare(image);
    image.dispose();
    return { path, image: prepared };
  } catch (error) {
    return { path, error: error as Error };
  }
}

/** Prints one batch; returns how many of its images could not be read. */
function printBatch(
  batch: readonly Decoded[],
  classifier: Classifier,
  options: ClassifyOptions,
  streams: ClassifyStreams,
): number {
  const tensors = batch.flatMap(({ image }) => image ?? []);
  const results = tensors.length > 0 ? classifier.predict(tensors, options.top) : [];
  for (const tensor of tensors) tensor.dispose();
  let next = 0;
  for (const { path, image, error } of batch) {
    // A name that is not UTF-8 is written as the bytes that it is.
    if (image === undefined) streams.stderr.write(fsEncode(`${error?.message}\n`));
    else {
      const text = format(path, results[next++] as Prediction[], options.json ?? false);
      streams.stdout.write(fsEncode(text));
    }
  }
  return batch.length - tensors.length;
}

function format(path: string, predictions: readonly Prediction[], json: boolean): string {
  if (json) return `${JSON.stringify({ path, predictions })}\n`;
  const lines = predictions.map(
    (guess) => `${(100 * guess.probability).toFixed(1).padStart(7)} %  ${guess.class}\n`,
  );
  return `${path}\n${lines.join('')}`;
}
