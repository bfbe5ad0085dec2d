import { repr } from './functional/image.ts';

const isNumbers = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.every((item) => Number.isFinite(item));

/** Bounds of angles: pairs of numbers, or one number for both sides of 0. */
export function angleRange(value: unknown, lengths: readonly number[], name: string): readonly number[] {
  if (typeof value === 'number' && value >= 0) return [-value, value];
  if (isNumbers(value) && lengths.includes(value.length) && inOrder(value)) return [...value];
  const pairs = lengths.map((length) => `${length} numbers`).join(' or ');
  throw new RangeError(
    `Expected a number of at least 0 or ${pairs} in order for ${name}, got ${repr(value)}`,
  );
}

function inOrder(values: readonly number[]): boolean {
  return values.every((value, i) => i % 2 === 0 || (values[i - 1] as number) <= value);
}

/** Two numbers from 0 to 1. */
export function fractions(value: unknown, name: string): readonly [number, number] {
  if (isNumbers(value) && value.length === 2 && value.every((item) => item >= 0 && item <= 1)) {
    return value as unknown as readonly [number, number];
  }
  throw new RangeError(`Expected 2 numbers from 0 to 1 for ${name}, got ${repr(value)}`);
}

/** Two positive numbers in order. */
export function positives(value: unknown, name: string): readonly [number, number] {
  if (isNumbers(value) && value.length === 2 && value.every((item) => item > 0) && inOrder(value)) {
    return value as unknown as readonly [number, number];
  }
  throw new RangeError(`Expected 0 < low <= high for ${name}, got ${repr(value)}`);
}

/** Two numbers, or one for both. */
export function twoNumbers(value: unknown, name: string): readonly [number, number] {
  if (typeof value === 'number' && Number.isFinite(value)) return [value, value];
  if (isNumbers(value) && value.length === 2) return value as unknown as readonly [number, number];
  throw new RangeError(`Expected a number or 2 numbers for ${name}, got ${repr(value)}`);
}
