import * as kind from '../../train/config/kinds.ts';
import { type ConfigOption, OPTIONS } from '../../train/config/options.ts';
import { CLASSIFICATION, type ConfigSpace } from '../../train/config/space.ts';

const DATASETS = ['cityscapes', 'gta5', 'folder'] as const;

/** Those that mean the same as in `ibn-net train`. */
const { output, modelOptions, pretrained, checkpoint, splitNorms, epochs, batchSize, accumulate, optimizer } =
  OPTIONS;
const { momentum, nesterov, weightDecay, normWeightDecay, clipGradNorm, freeze, seed, lr, minLr, schedule } =
  OPTIONS;
const { gamma, warmupEpochs, amp, channelsLast, device, workers, testBatch, saveEvery, keepLast } = OPTIONS;

const options = {
  data: {
    ...OPTIONS.data,
    about: 'the data, where it is no argument: a folder of Cityscapes, GTA5, or images and masks',
  },
  dataset: { schema: kind.oneOf(DATASETS), value: 'name', about: 'what lies in it', isFixed: true },
  dataOptions: {
    schema: kind.record,
    value: 'json',
    about: 'options of the data set, such as \'{"suffix":"_mask"}\' for folder, \'{"size":null}\' for gta5',
    isFixed: true,
  },
  val: {
    schema: kind.text,
    value: 'name=folder',
    about: 'another data set to evaluate on, such as cityscapes=data/cityscapes',
    otherwise: "the data set's own val",
    isFixed: true,
  },
  output,
  model: {
    ...OPTIONS.model,
    about: 'head and backbone, such as deeplabv3plus/resnet50_ibn_b or fcn/resnet50_ibn_a',
  },
  modelOptions: { ...modelOptions, about: 'options of the network, such as \'{"outputStride":8}\'' },
  pretrained: {
    ...pretrained,
    about: 'begin with the ImageNet weights published for the backbone, fetched once',
  },
  checkpoint: {
    ...checkpoint,
    about: "begin with these weights: a network's for segmentation, or a backbone's",
  },
  ...{
    splitNorms,
    epochs,
    batchSize,
    accumulate,
    optimizer,
    momentum,
    nesterov,
    weightDecay,
    normWeightDecay,
  },
  ...{ clipGradNorm, freeze, seed, lr },
  scheduler: {
    schema: kind.oneOf(['polynomial', 'cosine', 'multistep', 'constant']),
    value: 'name',
    about: 'how the rate falls, step by step',
  },
  power: { schema: kind.positive, value: 'p', about: 'polynomial: of the share of steps that are left' },
  ...{ minLr, schedule, gamma, warmupEpochs },
  crop: { schema: kind.wholes, value: 'pixels...', about: 'height and width of the crops, or one for both' },
  scale: {
    schema: kind.numbers,
    value: 'factors...',
    about: 'bounds of the factor that images are scaled by',
  },
  flip: { schema: kind.share, value: 'p', about: 'how likely an image is mirrored' },
  jitter: { schema: kind.share, value: 'p', about: 'how likely colours are changed' },
  blur: { schema: kind.flag, about: 'blur images' },
  auxWeight: { schema: kind.notNegative, value: 'w', about: "what the auxiliary head's loss counts" },
  classWeights: { schema: kind.numbers, value: 'weights...', about: 'a weight of the loss for each class' },
  ohem: { schema: kind.flag, about: 'only hard pixels count' },
  ohemThreshold: {
    schema: kind.share,
    value: 'p',
    about: 'ohem: a pixel is easy from this probability of its class',
  },
  ohemKept: { schema: kind.whole, value: 'n', about: 'ohem: so many of the hardest count in any case' },
  ...{ amp, channelsLast, device, workers, testBatch, saveEvery, keepLast },
  skipUnreadable: {
    ...OPTIONS.skipUnreadable,
    about: 'leave out pairs that cannot be read or do not fit, and count them; else they end the run',
  },
} as const satisfies Readonly<Record<string, ConfigOption>>;

/** The defaults: RobustNet's rates, crops and changes of images, for one small machine. */
const defaults = {
  dataset: 'folder',
  model: 'deeplabv3plus/resnet50_ibn_b',
  epochs: 40,
  batchSize: 8,
  accumulate: 1,
  optimizer: 'sgd',
  momentum: 0.9,
  weightDecay: 5e-4,
  lr: 0.01,
  scheduler: 'polynomial',
  power: 0.9,
  minLr: 0,
  schedule: [30],
  gamma: 0.1,
  warmupEpochs: 0,
  crop: [768],
  scale: [0.5, 2],
  flip: 0.5,
  jitter: 0.5,
  auxWeight: 0.4,
  ohemThreshold: 0.7,
  ohemKept: 100_000,
  device: 'cpu',
  workers: 4,
  testBatch: 1,
  saveEvery: 500,
  keepLast: 2,
} as const;

/** All options of a run of `ibn-net segment train`; those that have no value are off. */
export type SegmentConfig = { -readonly [Name in keyof typeof defaults]: Wide<(typeof defaults)[Name]> } & {
  data?: string;
  dataOptions?: Record<string, unknown>;
  val?: string;
  output?: string;
  modelOptions?: Record<string, unknown>;
  pretrained?: boolean;
  checkpoint?: string;
  splitNorms?: boolean;
  nesterov?: boolean;
  normWeightDecay?: number;
  clipGradNorm?: number;
  freeze?: string[];
  seed?: number;
  blur?: boolean;
  classWeights?: readonly number[];
  ohem?: boolean;
  amp?: 'bfloat16' | 'float16';
  channelsLast?: boolean;
  skipUnreadable?: boolean;
};

type Wide<T> = T extends number
  ? number
  : T extends readonly number[]
    ? readonly number[]
    : T extends string
      ? string
      : T;

/** The options of `ibn-net segment train`. */
export const SEGMENTATION: ConfigSpace = {
  options,
  defaults,
  presets: {
    // Of the published scripts: 40,000 steps of 16 images at output stride 16.
    robustnet: { model: 'deeplabv3plus/resnet50_ibn_b', batchSize: 16, lr: 0.01, crop: [768], blur: true },
    // The paper's head; its crops, rates and epochs are not known.
    'ibn-net': { model: 'fcn/resnet50_ibn_b', modelOptions: { outputStride: 8 }, batchSize: 16, lr: 0.01 },
  },
  readers: [
    ...CLASSIFICATION.readers.filter(([name]) => name in options && name !== 'momentum'),
    ['momentum', 'optimizer', ['sgd', 'rmsprop']],
  ],
};
