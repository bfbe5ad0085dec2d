import { InvalidArgumentError } from 'commander';

/** The exit status of a run that was told to stop and can go on: `EX_TEMPFAIL` of sysexits.h. */
export const STOPPED = 75;

/** Those of the published script; what it has not (`workers` are batches here, checkpoints within epochs) is ours. */
export const DEFAULTS = {
  epochs: 100,
  batchSize: 256,
  testBatch: 100,
  lr: 0.1,
  momentum: 0.9,
  weightDecay: 1e-4,
  optimizer: 'sgd',
  scheduler: 'multistep',
  schedule: [30, 60, 90],
  gamma: 0.1,
  warmupEpochs: 0,
  minLr: 0,
  labelSmoothing: 0,
  mixup: 0,
  cutmix: 0,
  randomErasing: 0,
  accumulate: 1,
  crop: 224,
  workers: 4,
  saveEvery: 500,
  keepLast: 2,
};

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
];
export const SCHEDULERS = ['multistep', 'cosine'];
export const AUTO_AUGMENTS = ['imagenet', 'randaugment', 'trivialaugment', 'augmix'];

/** Reads a number of at least 0. */
export function notNegative(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value < Number.POSITIVE_INFINITY) return value;
  throw new InvalidArgumentError(`Expected a number of at least 0, got "${text}".`);
}

/** Reads a number above 0. */
export function positive(text: string): number {
  const value = notNegative(text);
  if (value > 0) return value;
  throw new InvalidArgumentError(`Expected a number above 0, got "${text}".`);
}

/** Reads a number from 0 to 1. */
export function share(text: string): number {
  const value = notNegative(text);
  if (value <= 1) return value;
  throw new InvalidArgumentError(`Expected a number from 0 to 1, got "${text}".`);
}

/** Reads an integer of at least 0. */
export function wholeOrNone(text: string): number {
  const value = notNegative(text);
  if (Number.isSafeInteger(value)) return value;
  throw new InvalidArgumentError(`Expected an integer of at least 0, got "${text}".`);
}

export function deviceName(text: string): string {
  if (/^(cpu|cuda(:\d+)?)$/.test(text)) return text;
  throw new InvalidArgumentError(`Expected cpu, cuda or cuda:N, got "${text}".`);
}

/** Reads an object in JSON. */
export function jsonObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>;
  } catch {}
  throw new InvalidArgumentError(`Expected an object in JSON, such as {"stem":"small"}, got "${text}".`);
}
