import { type Command, Option } from 'commander';
import type { StatusStream } from '../../net/status-line.ts';
import { wholeNumber } from '../network/network-options.ts';
import {
  AUTO_AUGMENTS,
  DEFAULTS,
  deviceName,
  jsonObject,
  notNegative,
  OPTIMIZERS,
  positive,
  SCHEDULERS,
  STOPPED,
  share,
  wholeOrNone,
} from './train-options.ts';

/** Options of {@link train}, as commander gives them. */
export interface TrainOptions {
  model?: string;
  output: string;
  modelOptions?: Record<string, unknown>;
  pretrained?: boolean;
  checkpoint?: string;
  splitNorms?: boolean;
  epochs: number;
  batchSize: number;
  testBatch: number;
  lr: number;
  momentum: number;
  weightDecay: number;
  optimizer: string;
  nesterov?: boolean;
  normWeightDecay?: number;
  scheduler: string;
  schedule: number[];
  gamma: number;
  warmupEpochs: number;
  minLr: number;
  labelSmoothing: number;
  mixup: number;
  cutmix: number;
  randomErasing: number;
  autoAugment?: string;
  ema?: number;
  amp?: 'bfloat16' | 'float16';
  accumulate: number;
  clipGradNorm?: number;
  freeze?: string[];
  channelsLast?: boolean;
  seed?: number;
  crop: number;
  resize?: number;
  workers: number;
  skipUnreadable?: boolean;
  device: string;
  resume?: string;
  saveEvery: number;
  keepLast: number;
}

/** Where {@link train} writes; the process's own streams by default. */
export interface TrainStreams {
  stdout: { write(text: string): unknown };
  stderr: StatusStream;
}

/** Adds the command `train` to the program. */
export function registerTrain(program: Command): void {
  const command = program
    .command('train')
    .description('Train a network on images that lie in a folder for each class')
    .argument('<data>', 'a folder with train/CLASS/*.JPEG and val/CLASS/*.JPEG')
    .requiredOption('--output <folder>', 'where checkpoints and logs go')
    .option('--model <name>', 'the network; default: the one that the checkpoint names')
    .option(
      '--model-options <json>',
      'options of the network, such as \'{"stem":"small"}\' for small images',
      jsonObject,
    );
  addBeginning(command);
  addRecipe(command);
  addSchedule(command);
  addAugmentation(command);
  addRunning(command);
  command.addHelpText('after', EXAMPLES).action(async (data: string, options: TrainOptions) => {
    process.exitCode = await train(data, options);
  });
}

function addBeginning(command: Command): void {
  command
    .option('--pretrained', 'begin with the weights published for the model, fetched once')
    .option('--checkpoint <file>', 'begin with these weights; the classifier is new where classes differ')
    .option('--split-norms', 'weights of a plain network for one with IBN: divide its norms among IN and BN')
    .option('--resume <auto|file>', 'go on from a checkpoint; auto: the newest of --output, if there is one');
}

function addRecipe(command: Command): void {
  command
    .option('--epochs <n>', 'how often every image is seen', wholeNumber, DEFAULTS.epochs)
    .option('--batch-size <n>', 'images of a batch', wholeNumber, DEFAULTS.batchSize)
    .option('--accumulate <n>', 'batches whose gradients make one step', wholeNumber, DEFAULTS.accumulate)
    .addOption(new Option('--optimizer <name>', 'which one').choices(OPTIMIZERS).default(DEFAULTS.optimizer))
    .option('--momentum <m>', 'of sgd and rmsprop', notNegative, DEFAULTS.momentum)
    .option('--nesterov', "sgd's momentum by Nesterov")
    .option('--weight-decay <w>', 'of all parameters', notNegative, DEFAULTS.weightDecay)
    .option('--norm-weight-decay <w>', 'of norms and biases, where it is another', notNegative)
    .option('--clip-grad-norm <norm>', 'the largest norm of all gradients together', positive)
    .option('--ema <decay>', 'average the weights over the steps, and evaluate the average', share)
    .option('--freeze <names...>', 'parts of the network that keep what they have, such as conv1 bn1 layer1')
    .option('--seed <n>', 'makes the run repeatable; default: drawn, and printed', wholeOrNone);
}

function addSchedule(command: Command): void {
  command
    .option('--lr <rate>', 'learning rate', notNegative, DEFAULTS.lr)
    .addOption(
      new Option('--scheduler <name>', 'how the rate falls').choices(SCHEDULERS).default(DEFAULTS.scheduler),
    )
    .addOption(
      new Option('--schedule <epochs...>', 'multistep: epochs after which the rate is multiplied by gamma')
        .argParser((text: string, before: number[] | undefined) => [
          ...(before === DEFAULTS.schedule || before === undefined ? [] : before),
          wholeNumber(text),
        ])
        .default(DEFAULTS.schedule, '30 60 90'),
    )
    .option('--gamma <factor>', 'see --schedule', notNegative, DEFAULTS.gamma)
    .option('--min-lr <rate>', 'cosine: where the rate ends', notNegative, DEFAULTS.minLr)
    .option(
      '--warmup-epochs <n>',
      'epochs in which the rate rises, from a hundredth',
      wholeOrNone,
      DEFAULTS.warmupEpochs,
    );
}

function addAugmentation(command: Command): void {
  command
    .option('--crop <pixels>', 'side of the images that the network sees', wholeNumber, DEFAULTS.crop)
    .option(
      '--resize <pixels>',
      'shorter side of val images before cropping; default crop / 0.875',
      wholeNumber,
    )
    .option('--label-smoothing <share>', 'shared out among all classes', share, DEFAULTS.labelSmoothing)
    .option('--mixup <alpha>', 'blend neighbours of a batch', notNegative, DEFAULTS.mixup)
    .option(
      '--cutmix <alpha>',
      'put windows of neighbours into images; beside --mixup, each batch gets one of the two',
      notNegative,
      DEFAULTS.cutmix,
    )
    .addOption(new Option('--auto-augment <policy>', 'changes of colour and shape').choices(AUTO_AUGMENTS))
    .option('--random-erasing <p>', 'how likely a window is erased', share, DEFAULTS.randomErasing);
}

function addRunning(command: Command): void {
  command
    .option('--test-batch <n>', 'images computed together in evaluation', wholeNumber, DEFAULTS.testBatch)
    .option('--device <device>', 'where to compute: cpu, cuda or cuda:N', deviceName, 'cpu')
    .option(
      '--workers <n>',
      "batches read ahead; 0 reads image after image, with the crops of PyTorch's num_workers=0",
      wholeOrNone,
      DEFAULTS.workers,
    )
    .addOption(
      new Option('--amp <dtype>', 'mixed precision; float16 with a scaler').choices(['bfloat16', 'float16']),
    )
    .option('--channels-last', 'lay maps out channels last')
    .option(
      '--save-every <steps>',
      'steps between checkpoints within an epoch',
      wholeNumber,
      DEFAULTS.saveEvery,
    )
    .option('--keep-last <n>', 'checkpoints that are kept besides the best', wholeNumber, DEFAULTS.keepLast)
    .option(
      '--skip-unreadable',
      'leave out images that cannot be read, and count them; else they end the run',
    );
}

const EXAMPLES = `
Defaults are those of the published script. The learning rate is that of 256 images a step. SIGTERM and SIGINT end the
run after the step under way, with a checkpoint and status ${STOPPED}; the same command with --resume auto goes on, with the
same bytes as a run that was never stopped.

Examples:
  npx ibn-net train imagenet --model resnet50_ibn_a --output runs/ibn-a --device cuda --resume auto
  npx ibn-net train photos --model resnet50_ibn_a --pretrained --output runs/photos --epochs 10 --lr 0.01 --batch-size 32`;

/**
 * Trains a network and writes checkpoints and logs.
 *
 * @returns the exit code: 0, or 75 where a signal ended the run before its last epoch
 */
export async function train(
  data: string,
  options: TrainOptions,
  streams: TrainStreams = process,
): Promise<number> {
  const { runTraining } = await import('./run-training.ts');
  return await runTraining(data, options, streams);
}
