import * as v from 'valibot';

// The message of a kind says what is expected; who checks a value says for what, and what came instead.
const number = (expected: string) => v.pipe(v.number(expected), v.finite(expected));
const integer = (least: number, expected: string) =>
  v.pipe(v.number(expected), v.safeInteger(expected), v.minValue(least, expected));

export const whole = integer(1, 'a positive integer');
export const wholeOrNone = integer(0, 'an integer of at least 0');
export const notNegative = v.pipe(number('a number of at least 0'), v.minValue(0, 'a number of at least 0'));
export const positive = v.pipe(number('a number above 0'), v.gtValue(0, 'a number above 0'));
export const share = v.pipe(
  number('a number from 0 to 1'),
  v.minValue(0, 'a number from 0 to 1'),
  v.maxValue(1, 'a number from 0 to 1'),
);
export const flag = v.boolean('true or false');
export const text = v.pipe(v.string('a text'), v.nonEmpty('a text'));
export const texts = v.array(text, 'a list of texts');
export const wholes = v.pipe(v.array(whole, 'a list of positive integers'), v.readonly());
export const numbers = v.pipe(v.array(positive, 'a list of numbers above 0'), v.readonly());
export const device = v.pipe(
  v.string('cpu, cuda or cuda:N'),
  v.regex(/^(cpu|cuda(:\d+)?)$/, 'cpu, cuda or cuda:N'),
);
export const record = v.pipe(
  v.unknown(),
  v.check((value) => isRecord(value), 'an object'),
  v.transform((value) => value as Record<string, unknown>),
);
/** Sizes by the epoch, counted from 0, with which they begin. */
export const sizes = v.pipe(
  record,
  v.check(
    (value) => isRecord(value) && Object.keys(value).every((key) => /^\d+$/.test(key)),
    'epochs and sizes',
  ),
  v.transform((value) => value as Record<string, number>),
  v.check(
    (value) => Object.values(value).every((size) => Number.isSafeInteger(size) && size > 0),
    'positive integers for sizes',
  ),
);

/** One of several words. */
export function oneOf<const Words extends readonly string[]>(words: Words) {
  return v.picklist(words, either(words));
}

/** `a, b or c`. */
export function either(words: readonly string[]): string {
  const last = words.at(-1) ?? '';
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} or ${last}`;
}

function isRecord(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
