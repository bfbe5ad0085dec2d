import type { ConfigValues } from './options.ts';

/** Those of the published script; what it has not (`workers` are batches here, checkpoints within epochs) is ours. */
export const DEFAULTS = {
  epochs: 100,
  batchSize: 256,
  accumulate: 1,
  repeats: 1,
  optimizer: 'sgd',
  momentum: 0.9,
  weightDecay: 1e-4,
  emaSteps: 1,
  lr: 0.1,
  scheduler: 'multistep',
  schedule: [30, 60, 90],
  gamma: 0.1,
  stepSize: 30,
  cycleEpochs: 10,
  cycleMult: 1,
  pctStart: 0.3,
  minLr: 0,
  power: 1,
  patience: 10,
  warmupEpochs: 0,
  crop: 224,
  loss: 'cross_entropy',
  labelSmoothing: 0,
  mixup: 0,
  cutmix: 0,
  magnitude: 9,
  randomErasing: 0,
  device: 'cpu',
  workers: 4,
  testBatch: 100,
  saveEvery: 500,
  keepLast: 2,
} satisfies ConfigValues as Required<Pick<ConfigValues, DefaultName>>;

type DefaultName =
  | 'epochs'
  | 'batchSize'
  | 'accumulate'
  | 'repeats'
  | 'optimizer'
  | 'momentum'
  | 'weightDecay'
  | 'emaSteps'
  | 'lr'
  | 'scheduler'
  | 'schedule'
  | 'gamma'
  | 'stepSize'
  | 'cycleEpochs'
  | 'cycleMult'
  | 'pctStart'
  | 'minLr'
  | 'power'
  | 'patience'
  | 'warmupEpochs'
  | 'crop'
  | 'loss'
  | 'labelSmoothing'
  | 'mixup'
  | 'cutmix'
  | 'magnitude'
  | 'randomErasing'
  | 'device'
  | 'workers'
  | 'testBatch'
  | 'saveEvery'
  | 'keepLast';

/** All options of a run; those that have no value are off. */
export type TrainConfig = Required<Pick<ConfigValues, DefaultName>> & Omit<ConfigValues, DefaultName>;

/**
 * Recipes by name.
 *
 * `published` is the published script's, which the defaults are. `torchvision-v2` is the recipe of torchvision's
 * `ResNet50_Weights.IMAGENET1K_V2` (80.86 % top-1 for the plain network there, 1,024 images a step on eight GPUs), from its
 * reference script: 600 epochs of images of 176 pixels.
 *
 * `a3` is procedure A3 of "ResNet strikes back" (Wightman, Touvron and Jégou, 2021; 78.1 % top-1 for the plain ResNet-50 there): 100
 * epochs of images of 160 pixels, 2,048 images a step.
 */
export const PRESETS = {
  published: DEFAULTS,
  'torchvision-v2': {
    epochs: 600,
    batchSize: 1024,
    repeats: 4,
    lr: 0.5,
    scheduler: 'cosine',
    warmupEpochs: 5,
    momentum: 0.9,
    weightDecay: 2e-5,
    normWeightDecay: 0,
    labelSmoothing: 0.1,
    mixup: 0.2,
    cutmix: 1,
    autoAugment: 'trivialaugment',
    randomErasing: 0.1,
    trainCrop: 176,
    crop: 224,
    resize: 232,
    // Its decay 0.99998 counts for images: 1 - 2e-5 * 1024 images * 32 steps / 600 epochs.
    ema: 0.998907733,
    emaSteps: 32,
  },
  a3: {
    epochs: 100,
    batchSize: 2048,
    optimizer: 'lamb',
    lr: 8e-3,
    scheduler: 'cosine',
    warmupEpochs: 5,
    weightDecay: 0.02,
    normWeightDecay: 0,
    loss: 'bce',
    bceTargetThreshold: 0.2,
    mixup: 0.1,
    cutmix: 1,
    autoAugment: 'randaugment',
    // timm's magnitude 6 of 10.
    magnitude: 18,
    trainCrop: 160,
    crop: 224,
    resize: 235,
  },
} as const satisfies Readonly<Record<string, ConfigValues>>;

export type PresetName = keyof typeof PRESETS;
