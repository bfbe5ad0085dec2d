import { type Demand, demanded, oneOf } from '../../optim/checks.ts';

const isWhole = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;

/** Epochs in order. */
export const MILESTONES: Demand = {
  what: 'an array of whole numbers in rising order',
  isKind: Array.isArray,
  isMet: (value) =>
    Array.isArray(value) && value.every((item, i) => isWhole(item) && (i === 0 || item >= value[i - 1])),
};

/** How a rate rises. */
export const WARMUP_METHOD = oneOf('linear', 'constant');

/** How a rate rises in fast-reid. */
export const FAST_REID_WARMUP = oneOf('linear', 'constant', 'exp');

export { demanded };

/** The share of the rate at `step` of a warm-up. */
export function warmupShare(method: string, step: number, steps: number, factor: number): number {
  if (step >= steps) return 1;
  if (method === 'constant') return factor;
  const part = step / steps;
  return method === 'exp' ? factor ** (1 - part) : factor * (1 - part) + part;
}
