import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import type { StatusStream } from '../../net/status-line.ts';
import type { DType } from '../../tensor/index.ts';
import { adviseInFlags } from '../flag-advice.ts';

/** Options of {@link classify}, as commander gives them. */
export interface ClassifyOptions {
  checkpoint?: string;
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
  skipUnreadable?: boolean;
}

/** Where {@link classify} reads and writes; the process's own streams by default. */
export interface ClassifyStreams {
  stdin: AsyncIterable<Uint8Array>;
  stdout: { write(text: string | Uint8Array): unknown };
  stderr: StatusStream;
}

/** Adds the command `classify` to the program. */
export function registerClassify(program: Command): void {
  program
    .command('classify')
    .description('Name what images show')
    .argument('<image...>', 'files, folders (searched through), or - for an image on standard input')
    .option(
      '--model <name>',
      'the network; default: the one that the checkpoint names, or resnet50_ibn_a without one',
    )
    .option(
      '--checkpoint <file>',
      'the weights, a .pth file; default: those published for the model, fetched once',
    )
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
    .option(
      '--skip-unreadable',
      'end with status 0 though images could not be read; they are named and counted',
    )
    .addHelpText('after', EXAMPLES)
    .action(async (paths: string[], options: ClassifyOptions) => {
      process.stdout.on('error', stopWhenClosed);
      process.exitCode = await classify(paths, options);
    });
}

const EXAMPLES = `
On the CPU the network is compiled. What could not be read is named on standard error, and the status is 1.

Examples:
  npx ibn-net classify photo.jpg
  npx ibn-net classify photos/ --model resnet50_ibn_a --top 3 --json
  npx ibn-net classify photos/ --checkpoint model_best.pth.tar --model resnet18_ibn_a --classes names.txt`;

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
 * @returns the exit code: 1 when an image could not be read, unless `skipUnreadable`, else 0
 */
export async function classify(
  paths: readonly string[],
  options: ClassifyOptions,
  streams: ClassifyStreams = process,
): Promise<number> {
  const [{ Classifier }, { expandInputs }, { classifyImages }, { unreadableLine }] = await Promise.all([
    import('./classifier.ts'),
    import('./image-inputs.ts'),
    import('./images.ts'),
    import('./output.ts'),
  ]);
  const classifier = await Classifier.load(options).catch(adviseInFlags);
  const { refusal } = classifier.runner;
  if (refusal !== undefined) streams.stderr.write(`The network runs uncompiled: ${refusal}\n`);
  const { images, problems } = await expandInputs(paths, streams.stdin);
  for (const problem of problems) streams.stderr.write(`${problem}\n`);
  const failures = await classifyImages(classifier, images, options, streams);
  if (failures > 0 && images.length > 1) streams.stderr.write(unreadableLine(failures, images.length));
  const isFailure = problems.length > 0 || (failures > 0 && !options.skipUnreadable);
  return isFailure ? 1 : 0;
}
