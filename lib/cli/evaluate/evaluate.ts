import type { Command } from 'commander';
import type { StatusStream } from '../../net/status-line.ts';
import { also, count, wholeNumber } from '../flag-values.ts';
import { addNetworkOptions, type NetworkOptions, stopWhenClosed } from '../network/network-options.ts';

/** Options of {@link evaluate}, as commander gives them. */
export interface EvaluateOptions extends NetworkOptions {
  model?: string[];
  checkpoint?: string[];
  pretrained?: boolean;
  split: string;
  batchSize: number;
  robustness?: boolean;
  /** All kinds, or their names with commas between. */
  corruptions?: true | string;
  seed?: number;
  json?: boolean;
  output?: string;
  skipUnreadable?: boolean;
}

/** Where {@link evaluate} writes; the process's own streams by default. */
export interface EvaluateStreams {
  stdout: { write(text: string | Uint8Array): unknown };
  stderr: StatusStream;
}

/** Adds the command `evaluate` to the program. */
export function registerEvaluate(program: Command): void {
  const command = program
    .command('evaluate')
    .description('Measure how often networks name the class of images that lie in a folder for each class')
    .argument('<data>', 'a folder with val/CLASS/*.JPEG, or with the classes themselves')
    .option(
      '--model <name>',
      'the network; default: the one that the checkpoint names. May be repeated',
      also,
    )
    .option('--checkpoint <file>', 'the weights, a .pth file. May be repeated, to compare several', also)
    .option('--pretrained', 'the weights published for each model, fetched once')
    .option('--split <folder>', 'the folder of the data to evaluate', 'val')
    .option('--batch-size <n>', 'images computed together', wholeNumber, 32);
  addNetworkOptions(command)
    .option('--robustness', "also with the images changed as in the paper's Table 1: RGB+50, R+50, std x1.5")
    .option(
      '--corruptions [kinds]',
      "also with the images corrupted as ImageNet-C's: all kinds, or some (fog,snow), at five severities",
    )
    .option('--seed <n>', 'of the random numbers of corruptions', count, 0)
    .option('--json', 'print one JSON object in place of text')
    .option(
      '--output <folder>',
      'write evaluation.json, and for each network its classes and its confusion matrix',
    )
    .option(
      '--skip-unreadable',
      'end with status 0 though images could not be read; they are named and counted',
    )
    .addHelpText('after', EXAMPLES)
    .action(async (data: string, options: EvaluateOptions) => {
      process.stdout.on('error', stopWhenClosed);
      process.exitCode = await evaluate(data, options);
    });
}

const EXAMPLES = `
Images are prepared as the published script does: shorter side to 256, middle 224. On the CPU the network is compiled.
A folder belongs to the class of its name where the checkpoint names its classes, or where folders are WordNet numbers
(n01440764) of ImageNet's classes, all of them or some; else to the class of its place in alphabetical order.

Examples:
  npx ibn-net evaluate imagenet --model resnet50_ibn_a --pretrained
  npx ibn-net evaluate photos --checkpoint model_best.pth --model resnet18_ibn_a --output results
  npx ibn-net evaluate imagenet --model resnet50 --checkpoint plain.pth --model resnet50_ibn_a --checkpoint ibn.pth
  npx ibn-net evaluate imagenet --model resnet50_ibn_a --pretrained --corruptions`;

/**
 * Evaluates one network after the other on the same images, and prints what came out. Names images that cannot be read
 * on `stderr` and goes on.
 *
 * @returns the exit code: 1 when an image could not be read, unless `skipUnreadable`, else 0
 */
export async function evaluate(
  data: string,
  options: EvaluateOptions,
  streams: EvaluateStreams = process,
): Promise<number> {
  const [{ contestants }, { evaluateAll }, report, { writeResults }, { joinRanks }] = await Promise.all([
    import('./contestants.ts'),
    import('./evaluate-all.ts'),
    import('./report.ts'),
    import('./results-folder.ts'),
    import('../ranks.ts'),
  ]);
  const networks = contestants(options);
  const ranks = await joinRanks();
  // Which images cannot be read is told by the rank that met them.
  const stderr = ranks.isFirst
    ? streams.stderr
    : { write: (text: string | Uint8Array) => streams.stderr.write(text) };
  const evaluation = await evaluateAll(data, networks, options, stderr, ranks);
  await ranks.leave();
  if (!ranks.isFirst) return 0;
  if (options.output !== undefined) await writeResults(options.output, evaluation);
  streams.stdout.write(
    options.json ? `${JSON.stringify(report.asJson(evaluation))}\n` : report.asText(evaluation),
  );
  return evaluation.unreadable.length > 0 && !options.skipUnreadable ? 1 : 0;
}
