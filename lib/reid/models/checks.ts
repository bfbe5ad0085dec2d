import { Module } from '../../nn/index.ts';
import { describeValue, suggestion } from '../../options.ts';

/** Refuses all but the known values; a text that is nearly one is told so. */
export function checkChoice<T>(owner: string, name: string, value: unknown, known: readonly T[]): T {
  if (known.includes(value as T)) return value as T;
  const list = known.map((item) => JSON.stringify(item)).join(', ');
  const near = typeof value === 'string' ? suggestion(value, known.map(String), 'values') : '';
  const hint = near.startsWith('; did') ? near : '';
  throw new RangeError(`Expected one of ${list} for ${owner} ${name}, got ${describeValue(value)}${hint}`);
}

/** Refuses what is no network. */
export function checkModule(owner: string, name: string, value: unknown): asserts value is Module {
  if (value instanceof Module) return;
  throw new TypeError(`Expected a Module for ${owner} ${name}, got ${describeValue(value)}`);
}

/** Refuses all but whole numbers from `least` on. */
export function checkCount(owner: string, name: string, value: unknown, least = 1): number {
  if (typeof value !== 'number') {
    throw new TypeError(`Expected a whole number for ${owner} ${name}, got ${describeValue(value)}`);
  }
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new RangeError(`Expected a whole number from ${least} for ${owner} ${name}, got ${value}`);
}

/** Refuses all but numbers; from `least` on, where it is given. */
export function checkNumber(owner: string, name: string, value: unknown, least = -Infinity): number {
  if (typeof value !== 'number' || Number.isNaN(value)) {
    throw new TypeError(`Expected a number for ${owner} ${name}, got ${describeValue(value)}`);
  }
  if (value >= least) return value;
  throw new RangeError(`Expected a number from ${least} for ${owner} ${name}, got ${value}`);
}
