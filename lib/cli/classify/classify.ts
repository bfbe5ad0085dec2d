import type { Command } from 'commander';
import type { StatusStream } from '../../net/status-line.ts';
import { adviseInFlags } from '../flag-advice.ts';
import { wholeNumber } from '../flag-values.ts';
import { addNetworkOptions, type NetworkOptions, stopWhenClosed } from '../network/network-options.ts';

/** Options of {@link classify}, as commander gives them. */
export interface ClassifyOptions extends NetworkOptions {
  checkpoint?: string;
  model?: string;
  top: number;
  json?: boolean;
  batchSize: number;
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
  const command = program
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
    .option(
      '--json',
      'print one JSON object a line: {"path", "predictions": [{"class", "index", "probability"}]}',
    )
    .option('--batch-size <n>', 'images computed together', wholeNumber, 8);
  addNetworkOptions(command)
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
    import('../network/classifier.ts'),
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
