import { type ConfigOption, OPTIMIZERS, OPTIONS } from './options.ts';
import { DEFAULTS, PRESETS } from './presets.ts';

/** Which choices of an option read another option, which nothing else reads. */
export type Reader = readonly [option: string, of: string, choices: readonly string[]];

/** The options of a kind of run. */
export interface ConfigSpace {
  readonly options: Readonly<Record<string, ConfigOption>>;
  /** Values of options that must have one; the others are off where nothing is given. */
  readonly defaults: Readonly<Record<string, unknown>>;
  readonly presets: Readonly<Record<string, object>>;
  readonly readers: readonly Reader[];
}

/** Those that take a weight decay. */
const DECAYING = OPTIMIZERS.filter((name) => name !== 'rprop');

/** The options of `ibn-net train`. */
export const CLASSIFICATION: ConfigSpace = {
  options: OPTIONS,
  defaults: DEFAULTS,
  presets: PRESETS,
  readers: [
    ['momentum', 'optimizer', ['sgd', 'rmsprop']],
    ['nesterov', 'optimizer', ['sgd']],
    ['schedule', 'scheduler', ['multistep']],
    ['gamma', 'scheduler', ['multistep', 'step', 'exponential', 'plateau']],
    ['stepSize', 'scheduler', ['step']],
    ['cycleEpochs', 'scheduler', ['warmrestarts', 'cyclic']],
    ['cycleMult', 'scheduler', ['warmrestarts']],
    ['pctStart', 'scheduler', ['onecycle']],
    ['minLr', 'scheduler', ['cosine', 'warmrestarts', 'plateau', 'cyclic']],
    ['power', 'scheduler', ['polynomial']],
    ['patience', 'scheduler', ['plateau']],
    ['weightDecay', 'optimizer', DECAYING],
    ['normWeightDecay', 'optimizer', DECAYING],
    ['bceTargetThreshold', 'loss', ['bce']],
    ['magnitude', 'autoAugment', ['randaugment']],
  ],
};
