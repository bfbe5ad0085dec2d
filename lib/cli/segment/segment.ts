import { type Command, InvalidArgumentError, Option } from 'commander';
import { also, count, positives, share, wholeNumber, wholeNumbers } from '../flag-values.ts';
import { stopWhenClosed } from '../network/network-options.ts';
import { addConfigFlags, withoutFalse } from '../train/config-flags.ts';
import type { TrainStreams } from '../train/train.ts';
import { STOPPED } from '../train/train-options.ts';
import { registerSegmentAdapt } from './adapt.ts';
import type { SegmentEvaluateOptions } from './evaluate.ts';
import { registerSegmentFinetune } from './finetune.ts';
import type { SegmentPredictOptions } from './predict.ts';
import { registerScenes } from './scenes-command.ts';
import { SEGMENTATION } from './space.ts';

/** Adds the commands of segmentation: `segment train`, `evaluate`, `predict`, `adapt`, `finetune`, `scenes`. */
export function registerSegment(program: Command): void {
  const segment = program
    .command('segment')
    .description('Segmentation: train, evaluate, predict, adapt, fine-tune, and draw scenes to try it on');
  registerTrain(segment);
  registerEvaluate(segment);
  registerPredict(segment);
  registerSegmentAdapt(segment);
  registerSegmentFinetune(segment);
  registerScenes(segment);
}

/** Options of {@link trainSegment}, as commander gives them: those of a run, and where they come from. */
export interface SegmentTrainOptions {
  config?: string;
  preset?: string;
  printConfig?: boolean;
  resume?: string;
  override?: string[];
  [option: string]: unknown;
}

function registerTrain(segment: Command): void {
  const command = segment
    .command('train')
    .description('Train a network that tells what each pixel is of')
    .argument('[data]', 'a folder of Cityscapes, GTA5, or with images/ and masks/, train and val in each')
    .option('--config <file>', 'options by name in YAML or JSON (batchSize: 8); flags count more')
    .addOption(
      new Option('--preset <name>', 'a recipe; the config file and flags count more').choices(
        Object.keys(SEGMENTATION.presets),
      ),
    )
    .option('--print-config', 'print all options as a config file, and end')
    .option('--resume <auto|file>', 'go on from a checkpoint; auto: the newest of --output, if there is one')
    .option('--override <names...>', 'options that may be others than those of the run that goes on');
  addConfigFlags(command, SEGMENTATION);
  command
    .addHelpText('after', TRAIN_EXAMPLES)
    .action(async (data: string | undefined, options: SegmentTrainOptions) => {
      const given = withoutFalse({ ...options }, SEGMENTATION) as SegmentTrainOptions;
      process.exitCode = await trainSegment(data, given);
    });
}

/**
 * Trains a network and writes checkpoints and logs.
 *
 * @returns the exit code: 0, or 75 where a signal ended the run before its last epoch
 */
export async function trainSegment(
  data: string | undefined,
  { config: file, preset, printConfig, resume, override, ...values }: SegmentTrainOptions,
  streams: TrainStreams = process,
): Promise<number> {
  const [{ givenOptions, withDefaults }, { configText }] = await Promise.all([
    import('../../train/config/resolve-config.ts'),
    import('../../train/config/config-file.ts'),
  ]);
  const sources = { preset, file, values: data === undefined ? values : { ...values, data } };
  const given = givenOptions(sources, SEGMENTATION);
  if (printConfig) {
    streams.stdout.write(configText(withDefaults(given, {}, SEGMENTATION), '', SEGMENTATION));
    return 0;
  }
  const { runSegmentTraining } = await import('./run-training.ts');
  return await runSegmentTraining({ given, resume, override }, streams);
}

function registerEvaluate(segment: Command): void {
  addTesting(
    segment
      .command('evaluate')
      .description(
        'Mean IoU and accuracies of networks on data sets, a table over both, and the classes of each',
      )
      .requiredOption('--checkpoint <file>', 'a .pth file. May be repeated, to compare several', also)
      .requiredOption('--test <name=folder>', 'cityscapes, gta5 or folder. May be repeated', also)
      .option('--split <name>', 'the part of each; none: a folder without parts', 'val')
      .option('--data-options <json>', 'options of the data sets, such as \'{"suffix":"_mask"}\'', readObject)
      .option('--workers <n>', 'images read ahead; 0: none', count, 2)
      .option('--skip-unreadable', 'leave out pairs that cannot be read or do not fit, and count them')
      .option('--json', 'print one JSON object in place of text')
      .option('--output <folder>', 'write evaluation.json'),
  )
    .addHelpText('after', EVALUATE_EXAMPLES)
    .action(async (options: SegmentEvaluateOptions) => {
      process.stdout.on('error', stopWhenClosed);
      const { evaluateSegment } = await import('./evaluate.ts');
      await evaluateSegment(options);
    });
}

function registerPredict(segment: Command): void {
  addTesting(
    segment
      .command('predict')
      .description('Write the classes of the pixels of images, as numbers and as colours')
      .argument('<image...>', 'files, or folders')
      .requiredOption('--checkpoint <file>', 'a .pth file')
      .requiredOption('--output <folder>', 'where NAME_labels.png and NAME_colours.png go')
      .option('--overlay [share]', 'also NAME_overlay.png, the colours over the image; default 0.5', share),
  )
    .addHelpText('after', PREDICT_EXAMPLES)
    .action(async (images: string[], options: SegmentPredictOptions) => {
      process.stdout.on('error', stopWhenClosed);
      const { predictSegment } = await import('./predict.ts');
      await predictSegment(images, options);
    });
}

function addTesting(command: Command): Command {
  return command
    .addOption(new Option('--device <device>', 'where to compute').choices(['cpu', 'cuda']).default('cpu'))
    .option('--scales <factors...>', 'average over images scaled by these', positives)
    .option('--flip', 'average with the mirror image')
    .option('--window <pixels...>', 'height and width of the windows that slide over the image', wholeNumbers)
    .option('--stride <pixels...>', 'how far windows are apart; default two thirds of a window', wholeNumbers)
    .option(
      '--output-stride <n>',
      'of the network, where the file does not tell it: 8, 16 or 32',
      wholeNumber,
    );
}

function readObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  } catch {}
  throw new InvalidArgumentError(`Expected an object in JSON, got "${text}".`);
}

const TRAIN_EXAMPLES = `
The rate falls with each step, to 0 behind the last epoch (polynomial, power 0.9). SIGTERM and SIGINT end the run after
the step under way, with a checkpoint and status ${STOPPED}; the same command with --resume auto goes on, with the same bytes
as a run that was never stopped. OUTPUT/config.yaml has all options of a run, and is a config file.

Examples:
  npx ibn-net segment train data/cityscapes --dataset cityscapes --preset robustnet --pretrained --output runs/city
  npx ibn-net segment train data/gta5 --dataset gta5 --val cityscapes=data/cityscapes --model fcn/resnet50_ibn_b --output runs/gta
  npx ibn-net segment train scenes --model fcn/resnet18_ibn_a --crop 256 --batch-size 8 --epochs 20 --output runs/scenes`;

const EVALUATE_EXAMPLES = `
Examples:
  npx ibn-net segment evaluate --checkpoint r50os16_gtav_ibn.pth --test cityscapes=data/cityscapes --test gta5=data/gta5
  npx ibn-net segment evaluate --checkpoint a.pth --checkpoint b.pth --test folder=scenes --flip --scales 0.75 1 1.25 --json`;

const PREDICT_EXAMPLES = `
Examples:
  npx ibn-net segment predict street.png --checkpoint r50os16_gtav_ibn.pth --output predicted --overlay
  npx ibn-net segment predict photos/ --checkpoint runs/city/model_best.pth --output predicted --window 768 --stride 512`;
