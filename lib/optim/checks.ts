import { Tensor } from '../tensor/index.ts';

/** What an option must be, in words and as a test. */
export interface Demand {
  readonly what: string;
  readonly isMet: (value: unknown) => boolean;
  /** Whether a value is of the right kind, if nothing more. Default: numbers are. */
  readonly isKind?: (value: unknown) => boolean;
}

const isNumber = (value: unknown): value is number => typeof value === 'number';
const isNumbers = (value: unknown): value is number[] => Array.isArray(value) && value.every(isNumber);
const isBetween = (value: unknown, low: number, high: number): boolean =>
  isNumber(value) && value >= low && value <= high;

export const FINITE: Demand = { what: 'a finite number', isMet: Number.isFinite };
export const NOT_NEGATIVE: Demand = {
  what: 'a number of at least 0',
  isMet: (value) => isNumber(value) && value >= 0 && value < Infinity,
};
export const NOT_POSITIVE: Demand = {
  what: 'a number of at most 0',
  isMet: (value) => isNumber(value) && value <= 0 && value > -Infinity,
};
export const POSITIVE: Demand = {
  what: 'a number above 0',
  isMet: (value) => isNumber(value) && value > 0 && value < Infinity,
};
export const AT_LEAST_ONE: Demand = {
  what: 'a number of at least 1',
  isMet: (value) => isNumber(value) && value >= 1 && value < Infinity,
};
export const UNIT: Demand = { what: 'a number from 0 to 1', isMet: (value) => isBetween(value, 0, 1) };
export const EPOCHS: Demand = {
  what: 'a whole number of at least 1',
  isMet: (value) => Number.isSafeInteger(value) && (value as number) >= 1,
};
export const COUNT: Demand = {
  what: 'a whole number of at least 0',
  isMet: (value) => Number.isSafeInteger(value) && (value as number) >= 0,
};
export const LAST_EPOCH: Demand = {
  what: 'a whole number of at least -1',
  isMet: (value) => Number.isSafeInteger(value) && (value as number) >= -1,
};
export const FLAG: Demand = { what: 'a boolean', isMet: (value) => typeof value === 'boolean' };
export const BETAS: Demand = {
  what: 'two numbers of at least 0 and below 1',
  isKind: isNumbers,
  isMet: (value) => isListOf(value, 2, (beta) => isNumber(beta) && beta >= 0 && beta < 1),
};

/** Whether `value` is an array of `length` items that all pass. */
export function isListOf(
  value: unknown,
  length: number,
  test: (item: unknown, index: number) => boolean,
): boolean {
  return Array.isArray(value) && value.length === length && value.every(test);
}

/** One of `names`, or null where `names` has it. */
export function oneOf(...names: readonly (string | null)[]): Demand {
  const what = names.map((name) => JSON.stringify(name)).join(' or ');
  return {
    what,
    isMet: (value) => names.includes(value as string),
    isKind: (value) => typeof value === 'string',
  };
}

/** What meets `demand`, or null. */
export function orNull(demand: Demand): Demand {
  return {
    ...demand,
    what: `${demand.what} or null`,
    isMet: (value) => value === null || demand.isMet(value),
  };
}

/** `value`, or an error that says what was expected for `owner`'s `name`. */
export function demanded<T>(owner: string, name: string, value: T, demand: Demand): T {
  const { what, isMet, isKind = isNumber } = demand;
  if (isMet(value)) return value;
  const ErrorClass = isKind(value) ? RangeError : TypeError;
  throw new ErrorClass(`Expected ${what} for ${owner} ${name}, got ${textOf(value)}`);
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (value instanceof Tensor) return 'a Tensor; pass its item()';
  if (typeof value !== 'object' || value === null) return String(value);
  if (!Array.isArray(value)) return `a ${value.constructor?.name ?? 'object'}`;
  return isNumbers(value) ? `[${value.join(', ')}]` : 'an array';
}
