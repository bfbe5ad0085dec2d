/** What an option must be, in words and as a test. */
export interface Demand {
  readonly what: string;
  readonly isMet: (value: unknown) => boolean;
}

const isNumber = (value: unknown): value is number => typeof value === 'number';

export const FINITE: Demand = { what: 'a finite number', isMet: Number.isFinite };
export const NOT_NEGATIVE: Demand = {
  what: 'a number of at least 0',
  isMet: (value) => isNumber(value) && value >= 0 && value < Infinity,
};
export const POSITIVE: Demand = {
  what: 'a number above 0',
  isMet: (value) => isNumber(value) && value > 0 && value < Infinity,
};
export const EPOCHS: Demand = {
  what: 'a whole number of at least 1',
  isMet: (value) => Number.isSafeInteger(value) && (value as number) >= 1,
};
export const LAST_EPOCH: Demand = {
  what: 'a whole number of at least -1',
  isMet: (value) => Number.isSafeInteger(value) && (value as number) >= -1,
};
export const FLAG: Demand = { what: 'a boolean', isMet: (value) => typeof value === 'boolean' };

/** `value`, or an error that says what was expected for `owner`'s `name`. */
export function demanded<T>(owner: string, name: string, value: T, { what, isMet }: Demand): T {
  if (isMet(value)) return value;
  const ErrorClass = typeof value === 'number' ? RangeError : TypeError;
  throw new ErrorClass(`Expected ${what} for ${owner} ${name}, got ${textOf(value)}`);
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value !== 'object' || value === null) return String(value);
  return Array.isArray(value) ? 'an array' : `a ${value.constructor?.name ?? 'object'}`;
}
