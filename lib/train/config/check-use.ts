import type { Layer } from './check-values.ts';
import type { OptionName } from './options.ts';
import { DEFAULTS, type TrainConfig } from './presets.ts';

// Which choices read an option that others do not.
const READERS: readonly (readonly [
  option: OptionName,
  of: 'optimizer' | 'scheduler',
  choices: readonly string[],
])[] = [
  ['momentum', 'optimizer', ['sgd', 'rmsprop']],
  ['nesterov', 'optimizer', ['sgd']],
  ['schedule', 'scheduler', ['multistep']],
  ['gamma', 'scheduler', ['multistep', 'exponential', 'plateau']],
  ['minLr', 'scheduler', ['cosine', 'plateau']],
  ['power', 'scheduler', ['polynomial']],
  ['patience', 'scheduler', ['plateau']],
];

/** Refuses an option that nothing reads, since another choice was made. What is the default anyway is no matter. */
export function checkUse(said: Layer, config: TrainConfig): void {
  for (const [name, of, choices] of READERS) {
    const value = said[name];
    const isSaid = value !== undefined && value !== null && value !== false;
    const standard = (DEFAULTS as Layer)[name];
    if (!isSaid || JSON.stringify(value) === JSON.stringify(standard) || choices.includes(config[of]))
      continue;
    throw new RangeError(
      `Expected ${name} for ${of} ${choices.join(' or ')}, got it for ${config[of]}, which has no use for it; leave it out`,
    );
  }
}
