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
  schedule: [30, 60, 90],
  gamma: 0.1,
  crop: 224,
  workers: 4,
  saveEvery: 500,
  keepLast: 2,
};

/** Reads a number of at least 0. */
export function notNegative(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value < Number.POSITIVE_INFINITY) return value;
  throw new InvalidArgumentError(`Expected a number of at least 0, got "${text}".`);
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
