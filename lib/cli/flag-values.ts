import { InvalidArgumentError } from 'commander';

/** The flag of an option's name: `--batch-size`. */
export const flagOf = (name: string): string =>
  `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** Collects the values of a flag that may be repeated. */
export const also = (value: string, before: readonly string[] = []): string[] => [...before, value];

/** Reads a positive integer of the command line. */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new InvalidArgumentError(`Expected a positive integer, got "${text}".`);
}

/** Reads a list of positive integers, one by one. */
export const wholeNumbers = (text: string, before: readonly number[] = []): number[] => [
  ...before,
  wholeNumber(text),
];

/** Reads an integer from 0. */
export function count(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value;
  throw new InvalidArgumentError(`Expected a whole number from 0, got "${text}".`);
}

/** Reads a number above 0. */
export function positive(text: string): number {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new InvalidArgumentError(`Expected a number above 0, got "${text}".`);
}

/** Reads a list of numbers above 0, one by one. */
export const positives = (text: string, before: readonly number[] = []): number[] => [
  ...before,
  positive(text),
];

/** A reader of numbers from 0 to `most`. */
export const numberUpTo = (most: number) => (text: string) => {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value >= 0 && value <= most) return value;
  const bounds = most === Infinity ? 'from 0' : `from 0 to ${most}`;
  throw new InvalidArgumentError(`Expected a number ${bounds}, got "${text}".`);
};

/** Reads a number from 0 to 1. */
export const share = numberUpTo(1);
