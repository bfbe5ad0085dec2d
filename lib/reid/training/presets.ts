import type { ConfigSpace } from '../../train/config/space.ts';
import { OPTIONS, type ReidTrainValues } from './options.ts';

/** reid-strong-baseline's `softmax_triplet_with_center.yml`; what it has not (`workers`, checkpoints within epochs) is ours. */
export const DEFAULTS = {
  model: 'strong-baseline/resnet50',
  size: [256, 128],
  flip: 0.5,
  padding: 10,
  erasing: 0.5,
  autoAugment: 0,
  sampler: 'RandomIdentitySampler',
  batchSize: 64,
  numInstances: 4,
  epochs: 120,
  accumulate: 1,
  labelSmoothing: 0.1,
  tripletWeight: 1,
  tripletMargin: 0.3,
  hardMining: true,
  centerWeight: 0.0005,
  centerLr: 0.5,
  circleWeight: 0,
  circleMargin: 0.25,
  circleGamma: 128,
  optimizer: 'adam',
  lr: 3.5e-4,
  momentum: 0.9,
  biasLrFactor: 1,
  weightDecay: 5e-4,
  weightDecayBias: 5e-4,
  scheduler: 'WarmupMultiStepLR',
  steps: [40, 70],
  gamma: 0.1,
  minLr: 1e-7,
  delayEpochs: 0,
  warmupIters: 10,
  warmupFactor: 0.01,
  emaSteps: 1,
  evalEvery: 40,
  testBatch: 128,
  device: 'cpu',
  workers: 4,
  saveEvery: 500,
  keepLast: 2,
} satisfies ReidTrainValues;

type DefaultName = keyof typeof DEFAULTS;

/** All options of a run; those that have no value are off. */
export type ReidTrainConfig = Required<Pick<ReidTrainValues, DefaultName>> &
  Omit<ReidTrainValues, DefaultName>;

/** `Base-bagtricks.yml`. */
const BAGTRICKS = {
  model: 'fast-reid/bagtricks',
  sampler: 'NaiveIdentitySampler',
  centerWeight: 0,
  scheduler: 'MultiStepLR',
  steps: [40, 90],
  warmupIters: 2000,
  warmupFactor: 0.1,
  evalEvery: 30,
} satisfies ReidTrainValues;

/**
 * Published recipes by name: reid-strong-baseline's with all tricks and center loss (Market-1501: mAP 85.9, rank 1 94.5;
 * IBN-Net50-a 88.2 and 95.0), and fast-reid's bag of tricks, AGW and SBS (ResNet-50 with IBN: 87.6 and 94.9, 88.7 and 95.1,
 * 89.3 and 95.7). fast-reid's run in mixed precision: pass `amp: 'float16'` on a GPU.
 */
export const TRAIN_PRESETS = {
  'strong-baseline': DEFAULTS,
  bagtricks: BAGTRICKS,
  agw: { ...BAGTRICKS, model: 'fast-reid/agw', tripletMargin: 0, hardMining: false },
  sbs: {
    ...BAGTRICKS,
    model: 'fast-reid/sbs',
    size: [384, 128],
    autoAugment: 0.1,
    numInstances: 16,
    epochs: 60,
    tripletMargin: 0,
    scheduler: 'CosineAnnealingLR',
    // Those of the cosine, which has no steps.
    steps: DEFAULTS.steps,
    delayEpochs: 30,
    minLr: 7e-7,
    freezeLayers: ['backbone'],
    freezeIters: 1000,
    evalEvery: 10,
  },
} satisfies Readonly<Record<string, ReidTrainValues>>;

/** Name of a recipe. */
export type ReidPresetName = keyof typeof TRAIN_PRESETS;

/** What `reid.train` takes, for the code that reads files and flags. */
export const REID_SPACE: ConfigSpace = {
  options: OPTIONS,
  defaults: DEFAULTS,
  presets: TRAIN_PRESETS,
  readers: [
    ['momentum', 'optimizer', ['sgd']],
    ['steps', 'scheduler', ['WarmupMultiStepLR', 'MultiStepLR']],
    ['gamma', 'scheduler', ['WarmupMultiStepLR', 'MultiStepLR']],
    ['minLr', 'scheduler', ['CosineAnnealingLR']],
    ['delayEpochs', 'scheduler', ['MultiStepLR', 'CosineAnnealingLR']],
  ],
};
