import { describeValue } from '../../options.ts';
import { empty, Generator, randperm, scope, type Tensor } from '../../tensor/index.ts';

/** Gives the indices of samples, anew in every epoch. Any iterable of numbers will do where a sampler is asked for. */
export interface Sampler<Index = number> extends Iterable<Index> {
  /** How many an epoch has. */
  readonly length: number;
}

/** What samplers count: a data set, or anything else with a length. */
export interface Sized {
  readonly length: number;
}

/** A whole number that `torch.empty((), dtype=torch.int64).random_()` draws. */
export function drawSeed(generator: Generator | null): number | bigint {
  return scope(() => empty([], { dtype: 'int64' }).random_({ generator }).item() as number | bigint);
}

/** A random order of 0 to `count` - 1. */
export function permutation(count: number, generator: Generator | null): number[] {
  return numbersOf(() => randperm(count, { generator }));
}

/** The elements of an int64 tensor that `draw` makes. */
export function numbersOf(draw: () => Tensor): number[] {
  return scope(() => Array.from(draw().data() as BigInt64Array, Number));
}

/** Refuses what has no length that counts samples. */
export function checkSized(source: unknown, name: string): void {
  const { length } = (source ?? {}) as { length?: unknown };
  if (typeof source === 'object' && Number.isInteger(length) && (length as number) >= 0) return;
  throw new TypeError(`Expected something with a length for ${name}, got ${describeValue(source)}`);
}

/** `value`, if it is a positive integer. */
export function positive(value: unknown, name: string): number {
  if (Number.isInteger(value) && (value as number) > 0) return value as number;
  throw new RangeError(`Expected a positive integer for ${name}, got ${describeValue(value)}`);
}

/** `value`, if it is an integer from 0 to `most`. */
export function wholeUpTo(most: number, value: unknown, name: string): number {
  if (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= most) return value as number;
  const range = most === Number.MAX_SAFE_INTEGER ? 'of at least 0' : `from 0 to ${most}`;
  throw new RangeError(`Expected an integer ${range} for ${name}, got ${String(value)}`);
}

/** `value`, if it is a boolean; `fallback` for undefined. */
export function booleanOr(fallback: boolean, value: unknown, name: string): boolean {
  if (value === undefined || typeof value === 'boolean') return value ?? fallback;
  throw new TypeError(`Expected a boolean for ${name}, got ${describeValue(value)}`);
}

/** `value`, if it is a generator; null for none. */
export function generatorOr(value: unknown, name: string): Generator | null {
  if (value === undefined || value === null) return null;
  if (value instanceof Generator) return value;
  throw new TypeError(`Expected a Generator for ${name}, got ${describeValue(value)}`);
}
