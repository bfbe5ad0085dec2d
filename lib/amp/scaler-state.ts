import { describeValue } from '../options.ts';

const KEYS = ['scale', 'growth_factor', 'backoff_factor', 'growth_interval', '_growth_tracker'];

/** What changes the scale. */
export interface Factors {
  growthFactor: number;
  backoffFactor: number;
  growthInterval: number;
}

/** torch's layout, as `stateDict()` gives it. */
export interface GradScalerState {
  scale: number;
  growth_factor: number;
  backoff_factor: number;
  growth_interval: number;
  /** Steps without inf or NaN since the scale last changed. */
  _growth_tracker: number;
}

export function packState(scale: number, factors: Factors, growthTracker: number): GradScalerState {
  return {
    scale,
    growth_factor: factors.growthFactor,
    backoff_factor: factors.backoffFactor,
    growth_interval: factors.growthInterval,
    _growth_tracker: growthTracker,
  };
}

/** @throws RangeError for a state without one of torch's keys. */
export function readState(state: ReadonlyMap<string, unknown> | object): {
  scale: number;
  factors: Factors;
  growthTracker: number;
} {
  const read = new Map<string, unknown>(state instanceof Map ? state : Object.entries(state));
  if (read.size === 0) {
    throw new RangeError(
      'Expected the state of an enabled GradScaler for loadStateDict, got an empty one; it was saved while not enabled',
    );
  }
  const unknown = [...read.keys()].find((key) => !KEYS.includes(key));
  if (unknown !== undefined)
    throw new RangeError(`Expected the keys ${KEYS.join(', ')} in the state of GradScaler, got "${unknown}"`);
  const number = (key: keyof GradScalerState): number => {
    const value = read.get(key);
    if (typeof value === 'number' && !Number.isNaN(value)) return value;
    throw new RangeError(`Expected a number for GradScaler state "${key}", got ${describeValue(value)}`);
  };
  if (!(number('scale') > 0))
    throw new RangeError(`Expected a scale above 0 in the state of GradScaler, got ${read.get('scale')}`);
  return {
    scale: number('scale'),
    factors: {
      growthFactor: number('growth_factor'),
      backoffFactor: number('backoff_factor'),
      growthInterval: number('growth_interval'),
    },
    growthTracker: number('_growth_tracker'),
  };
}
