import type { GenericSchema, InferOutput } from 'valibot';
import * as kind from './kinds.ts';

/** An option of a run: of the command, of config files, and of {@link TrainConfig}. */
export interface ConfigOption {
  readonly schema: GenericSchema;
  /** What a flag's value is called; undefined for flags without one. */
  readonly value?: string;
  /** For `--help`. */
  readonly about: string;
  /** What stands behind "default" in `--help`, where `DEFAULTS` has nothing to say. */
  readonly otherwise?: string;
  /** Whether it can change nothing in the numbers of a run: it may be another when the run goes on. */
  readonly isFree?: true;
  /** Whether it says what the run is; it cannot be overridden when the run goes on. */
  readonly isFixed?: true;
}

export const OPTIMIZERS = [
  'sgd',
  'adamw',
  'adam',
  'nadam',
  'radam',
  'adamax',
  'rmsprop',
  'adagrad',
  'adadelta',
  'adafactor',
  'asgd',
  'rprop',
  'lamb',
] as const;
export const SCHEDULERS = [
  'multistep',
  'step',
  'cosine',
  'warmrestarts',
  'exponential',
  'polynomial',
  'plateau',
  'onecycle',
  'cyclic',
  'constant',
] as const;
/** Those whose rate changes with each step of the optimizer, not with each epoch. */
export const STEPWISE: readonly string[] = ['onecycle', 'cyclic'];
export const AUTO_AUGMENTS = ['imagenet', 'randaugment', 'trivialaugment', 'augmix'] as const;

/** All options, in the order of `--help` and of written config files. */
export const OPTIONS = {
  data: {
    schema: kind.text,
    value: 'folder',
    about: 'the data, where it is no argument: a folder with train/CLASS/*.JPEG and val/CLASS/*.JPEG',
    isFree: true,
  },
  output: {
    schema: kind.text,
    value: 'folder',
    about: 'where checkpoints and logs go',
    isFree: true,
  },
  model: {
    schema: kind.text,
    value: 'name',
    about: 'the network',
    otherwise: 'the one that the checkpoint names',
    isFixed: true,
  },
  modelOptions: {
    schema: kind.record,
    value: 'json',
    about: 'options of the network, such as \'{"stem":"small"}\' for small images',
    isFixed: true,
  },
  pretrained: {
    schema: kind.flag,
    about: 'begin with the weights published for the model, fetched once',
    isFixed: true,
  },
  checkpoint: {
    schema: kind.text,
    value: 'file',
    about: 'begin with these weights; the classifier is new where classes differ',
    isFixed: true,
  },
  splitNorms: {
    schema: kind.flag,
    about: 'weights of a plain network for one with IBN: divide its norms among IN and BN',
    isFixed: true,
  },
  epochs: { schema: kind.whole, value: 'n', about: 'how often every image is seen' },
  batchSize: { schema: kind.whole, value: 'n', about: 'images of a batch' },
  accumulate: { schema: kind.whole, value: 'n', about: 'batches whose gradients make one step' },
  repeats: {
    schema: kind.whole,
    value: 'n',
    about:
      'how often an image follows itself in an epoch of the same length, cropped anew (repeated augmentation)',
  },
  optimizer: { schema: kind.oneOf(OPTIMIZERS), value: 'name', about: 'which one', isFixed: true },
  momentum: { schema: kind.notNegative, value: 'm', about: 'of sgd and rmsprop' },
  nesterov: { schema: kind.flag, about: "sgd's momentum by Nesterov" },
  weightDecay: { schema: kind.notNegative, value: 'w', about: 'of all parameters' },
  normWeightDecay: {
    schema: kind.notNegative,
    value: 'w',
    about: 'of norms and biases, where it is another',
  },
  clipGradNorm: { schema: kind.positive, value: 'norm', about: 'the largest norm of all gradients together' },
  ema: {
    schema: kind.share,
    value: 'decay',
    about: 'average the weights over the steps, and evaluate the average',
  },
  emaSteps: { schema: kind.whole, value: 'n', about: 'steps between two updates of the average' },
  freeze: {
    schema: kind.texts,
    value: 'names...',
    about: 'parts of the network that keep what they have, such as conv1 bn1 layer1',
    isFixed: true,
  },
  seed: {
    schema: kind.wholeOrNone,
    value: 'n',
    about: 'makes the run repeatable',
    otherwise: 'drawn, and printed',
    isFixed: true,
  },
  lr: { schema: kind.notNegative, value: 'rate', about: 'learning rate' },
  scheduler: { schema: kind.oneOf(SCHEDULERS), value: 'name', about: 'how the rate falls' },
  schedule: {
    schema: kind.wholes,
    value: 'epochs...',
    about: 'multistep: epochs after which the rate is multiplied by gamma',
  },
  gamma: {
    schema: kind.notNegative,
    value: 'factor',
    about: 'multistep and step: see there; exponential: of each epoch; plateau: of each fall',
  },
  stepSize: { schema: kind.whole, value: 'epochs', about: 'step: epochs between two falls by gamma' },
  cycleEpochs: {
    schema: kind.whole,
    value: 'n',
    about: 'warmrestarts: epochs of the first fall; cyclic: of a rise and a fall',
  },
  cycleMult: {
    schema: kind.whole,
    value: 'factor',
    about: 'warmrestarts: by what each fall is longer than the one before',
  },
  pctStart: { schema: kind.share, value: 'share', about: 'onecycle: of the run in which the rate rises' },
  minLr: {
    schema: kind.notNegative,
    value: 'rate',
    about: 'cosine, warmrestarts and plateau: where the rate ends; cyclic: the least',
  },
  power: { schema: kind.positive, value: 'p', about: 'polynomial: of the share of epochs that are left' },
  patience: {
    schema: kind.wholeOrNone,
    value: 'n',
    about: 'plateau: epochs without a lower val loss before the rate falls',
  },
  warmupEpochs: {
    schema: kind.wholeOrNone,
    value: 'n',
    about: 'epochs in which the rate rises, from a hundredth',
  },
  crop: { schema: kind.whole, value: 'pixels', about: 'side of the images that the network sees' },
  resize: {
    schema: kind.whole,
    value: 'pixels',
    about: 'shorter side of val images before cropping',
    otherwise: 'crop / 0.875',
  },
  trainCrop: {
    schema: kind.whole,
    value: 'pixels',
    about: 'side of the images of training, where it is another than in evaluation',
    otherwise: 'crop',
  },
  cropSchedule: {
    schema: kind.sizes,
    value: 'epoch:pixels...',
    about:
      'sides of the images of training that begin with these epochs, counted from 0, such as 0:128 30:160 60:224',
  },
  loss: {
    schema: kind.oneOf(['cross_entropy', 'bce']),
    value: 'name',
    about: 'bce: binary cross-entropy of each class, a mean over all',
  },
  bceTargetThreshold: {
    schema: kind.share,
    value: 'share',
    about: 'bce: classes with a greater share of a mixed image are there, others are not',
  },
  labelSmoothing: { schema: kind.share, value: 'share', about: 'shared out among all classes' },
  mixup: { schema: kind.notNegative, value: 'alpha', about: 'blend neighbours of a batch' },
  cutmix: {
    schema: kind.notNegative,
    value: 'alpha',
    about: 'put windows of neighbours into images; beside --mixup, each batch gets one of the two',
  },
  autoAugment: {
    schema: kind.oneOf(AUTO_AUGMENTS),
    value: 'policy',
    about: 'changes of colour and shape',
  },
  magnitude: { schema: kind.wholeOrNone, value: 'n', about: 'randaugment: how strong, from 0 to 30' },
  randomErasing: { schema: kind.share, value: 'p', about: 'how likely a window is erased' },
  amp: {
    schema: kind.oneOf(['bfloat16', 'float16']),
    value: 'dtype',
    about: 'mixed precision; float16 with a scaler',
  },
  channelsLast: { schema: kind.flag, about: 'lay maps out channels last' },
  fuseNorms: {
    schema: kind.flag,
    about: 'norms as one op each on the CPU: faster, equal within rounding',
  },
  device: {
    schema: kind.device,
    value: 'device',
    about: 'where to compute: cpu, cuda or cuda:N',
    isFree: true,
  },
  workers: {
    schema: kind.wholeOrNone,
    value: 'n',
    about:
      "threads that read images, and batches read ahead; 0: none ahead, with the crops of PyTorch's num_workers=0",
    isFree: true,
  },
  testBatch: {
    schema: kind.whole,
    value: 'n',
    about: 'images computed together in evaluation',
    isFree: true,
  },
  saveEvery: {
    schema: kind.whole,
    value: 'steps',
    about: 'steps between checkpoints within an epoch',
    isFree: true,
  },
  keepLast: {
    schema: kind.whole,
    value: 'n',
    about: 'checkpoints that are kept besides the best',
    isFree: true,
  },
  skipUnreadable: {
    schema: kind.flag,
    about: 'leave out images that cannot be read, and count them; else they end the run',
    isFree: true,
  },
} as const satisfies Readonly<Record<string, ConfigOption>>;

export type OptionName = keyof typeof OPTIONS;
export const OPTION_NAMES = Object.keys(OPTIONS) as OptionName[];

/** Values of options, as files and flags give them. */
export type ConfigValues = { -readonly [Name in OptionName]?: InferOutput<(typeof OPTIONS)[Name]['schema']> };
