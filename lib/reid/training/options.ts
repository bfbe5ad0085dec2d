import type { InferOutput } from 'valibot';
import * as kind from '../../train/config/kinds.ts';
import { type ConfigOption, OPTIONS as OF_TRAIN } from '../../train/config/options.ts';

export const SAMPLERS = [
  'RandomIdentitySampler',
  'NaiveIdentitySampler',
  'BalancedIdentitySampler',
  'RandomSampler',
] as const;
export const SCHEDULERS = ['WarmupMultiStepLR', 'MultiStepLR', 'CosineAnnealingLR'] as const;
const OPTIMIZERS = ['adam', 'sgd', 'adamw'] as const;

/** Those that mean the same as in `ibn-net train`. */
const { accumulate, clipGradNorm, ema, emaSteps, amp, seed, lr, device, testBatch, saveEvery, keepLast } =
  OF_TRAIN;

/** Options of a run of Re-ID training, in the order of `--help` and of written config files. */
export const OPTIONS = {
  output: { schema: kind.text, value: 'folder', about: 'where checkpoints and logs go', isFree: true },
  model: { schema: kind.text, value: 'name', about: 'the network, one of reid.list()', isFixed: true },
  modelOptions: {
    schema: kind.record,
    value: 'json',
    about:
      'options of the network, such as \'{"depth":"50x","withIbn":true}\' or \'{"clsLayer":"ArcSoftmax"}\'',
    isFixed: true,
  },
  pretrained: {
    schema: kind.text,
    value: 'file|hub',
    about: "ImageNet's weights for the backbone: a file, or hub for those published with IBN-Net",
    isFixed: true,
  },
  checkpoint: {
    schema: kind.text,
    value: 'file',
    about: 'begin with this Re-ID network; its classifier is new where identities differ',
    isFixed: true,
  },
  combineAll: { schema: kind.flag, about: 'train on query and gallery images too', isFixed: true },
  size: { schema: kind.wholes, value: 'pixels...', about: 'height and width of the images', isFixed: true },
  flip: { schema: kind.share, value: 'p', about: 'how likely an image is mirrored' },
  padding: { schema: kind.wholeOrNone, value: 'pixels', about: 'black border before the crop' },
  erasing: { schema: kind.share, value: 'p', about: 'how likely a window is erased' },
  erasingForm: {
    schema: kind.oneOf(['strong-baseline', 'fast-reid']),
    value: 'form',
    about: 'whose random erasing',
    otherwise: "that of the network's own code",
  },
  autoAugment: {
    schema: kind.share,
    value: 'p',
    about: "how likely AutoAugment's ImageNet policy changes an image",
  },
  sampler: { schema: kind.oneOf(SAMPLERS), value: 'name', about: 'how batches are drawn', isFixed: true },
  batchSize: {
    schema: kind.whole,
    value: 'n',
    about: 'images of a batch, P x K, on each rank',
    isFixed: true,
  },
  numInstances: {
    schema: kind.whole,
    value: 'k',
    about: 'images of each identity in a batch',
    isFixed: true,
  },
  epochs: { schema: kind.whole, value: 'n', about: 'how often the images are gone through' },
  accumulate,
  labelSmoothing: { schema: kind.share, value: 'share', about: 'of the identity loss' },
  tripletWeight: { schema: kind.notNegative, value: 'w', about: 'of the triplet loss; 0: none' },
  tripletMargin: { schema: kind.notNegative, value: 'm', about: 'of the triplet loss; 0: the soft margin' },
  hardMining: {
    schema: kind.flag,
    about: "triplets of the hardest pairs; without it fast-reid's weighted ones",
  },
  centerWeight: { schema: kind.notNegative, value: 'w', about: 'of the center loss; 0: none' },
  centerLr: { schema: kind.notNegative, value: 'rate', about: "of the centers' own SGD" },
  circleWeight: {
    schema: kind.notNegative,
    value: 'w',
    about: "of fast-reid's circle loss of pairs; 0: none",
  },
  circleMargin: { schema: kind.notNegative, value: 'm', about: 'of the circle loss of pairs' },
  circleGamma: { schema: kind.positive, value: 'g', about: 'of the circle loss of pairs' },
  optimizer: { schema: kind.oneOf(OPTIMIZERS), value: 'name', about: 'which one', isFixed: true },
  lr,
  momentum: { schema: kind.notNegative, value: 'm', about: 'of sgd' },
  biasLrFactor: { schema: kind.notNegative, value: 'f', about: 'times the rate for biases' },
  weightDecay: { schema: kind.notNegative, value: 'w', about: 'of all parameters but biases' },
  weightDecayBias: { schema: kind.notNegative, value: 'w', about: 'of biases' },
  clipGradNorm,
  scheduler: {
    schema: kind.oneOf(SCHEDULERS),
    value: 'name',
    about: "reid-strong-baseline's by epochs, or fast-reid's two, whose warm-up counts iterations",
  },
  steps: { schema: kind.wholes, value: 'epochs...', about: 'from which the rate is gamma times what it was' },
  gamma: { schema: kind.notNegative, value: 'factor', about: 'see --steps' },
  minLr: { schema: kind.notNegative, value: 'rate', about: 'where the cosine ends' },
  delayEpochs: { schema: kind.wholeOrNone, value: 'n', about: 'epochs at the whole rate before the cosine' },
  warmupIters: {
    schema: kind.wholeOrNone,
    value: 'n',
    about: 'how long the rate rises: epochs for WarmupMultiStepLR, else iterations',
  },
  warmupFactor: { schema: kind.notNegative, value: 'share', about: 'of the rate, where it begins to rise' },
  freezeLayers: {
    schema: kind.texts,
    value: 'names...',
    about: 'parts of the network that rest, such as backbone or base; their norms keep their statistics',
  },
  freezeIters: {
    schema: kind.wholeOrNone,
    value: 'n',
    about: 'how many iterations they rest',
    otherwise: 'all',
  },
  ema,
  emaSteps,
  amp,
  seed,
  evalEvery: {
    schema: kind.whole,
    value: 'epochs',
    about: 'between evaluations; the last epoch has one too',
  },
  flipTest: { schema: kind.flag, about: 'average with the features of the mirrored image in evaluation' },
  testBatch,
  device,
  workers: {
    schema: kind.wholeOrNone,
    value: 'n',
    about: 'threads that read images, and batches read ahead; 0: none ahead',
    isFree: true,
  },
  saveEvery,
  keepLast,
} as const satisfies Readonly<Record<string, ConfigOption>>;

type Name = keyof typeof OPTIONS;

/** Values of options of {@link train}, as files and flags give them. */
export type ReidTrainValues = { -readonly [N in Name]?: InferOutput<(typeof OPTIONS)[N]['schema']> };
