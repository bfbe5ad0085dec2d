import type { PrintOptions } from './print-options.ts';

/** Formats the elements of one tensor alike. */
export interface ElementFormat {
  /** Characters of the widest element. */
  width: number;
  format(value: number | bigint | boolean): string;
}

// JavaScript rounds a decimal tie away from zero, Python to the even digit. A tie shows in longer output as a 5
// followed by zeros: 25 more digits tell it from every neighbouring double.
const EXTRA_DIGITS = 25;

function roundsUpOnTie(digits: string, precision: number, longer: string): boolean {
  const start = longer.indexOf('.') + 1 + precision;
  const tail = longer.slice(start).replace(/e.*/, '');
  if (!/^50*$/.test(tail)) return false;
  const last = digits.replace(/e.*/, '').at(-1) as string;
  return Number(last) % 2 === 1;
}

/** One unit less in the last place of the digits of `text`, which ends in an odd digit. */
function lower(text: string): string {
  const end = text.search(/e|$/) - 1;
  return `${text.slice(0, end)}${Number(text[end]) - 1}${text.slice(end + 1)}`;
}

function roundHalfEven(write: (precision: number) => string, precision: number): string {
  const text = write(precision);
  return roundsUpOnTie(text, precision, write(precision + EXTRA_DIGITS)) ? lower(text) : text;
}

const NONFINITE = (value: number) => (Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf');
const isNegative = (value: number) => value < 0 || Object.is(value, -0);

/** Python's `{:.4f}`. */
export function toFixed(value: number, precision: number): string {
  if (!Number.isFinite(value)) return NONFINITE(value);
  const size = Math.abs(value);
  const sign = isNegative(value) ? '-' : '';
  // toFixed gives up its digits at 1e21; such doubles are whole.
  if (size >= 1e21) return `${sign}${BigInt(size)}${precision > 0 ? `.${'0'.repeat(precision)}` : ''}`;
  return sign + roundHalfEven((digits) => size.toFixed(digits), precision);
}

/** Python's `{:.4e}`: at least two digits of exponent. */
export function toExponential(value: number, precision: number): string {
  if (!Number.isFinite(value)) return NONFINITE(value);
  const text = roundHalfEven((digits) => Math.abs(value).toExponential(digits), precision);
  const sign = isNegative(value) ? '-' : '';
  return sign + text.replace(/e([+-])(\d)$/, 'e$10$2');
}

function widest(texts: string[]): number {
  return texts.reduce((width, text) => Math.max(width, text.length), 1);
}

/** Booleans and integers. */
export function wholeFormat(values: readonly (bigint | number | boolean)[]): ElementFormat {
  const text = (value: number | bigint | boolean) =>
    typeof value === 'boolean' ? (value ? 'True' : 'False') : String(value);
  const width = widest(values.map(text));
  return { width, format: (value) => text(value).padStart(width) };
}

function needsExponent(sizes: number[]): boolean {
  const smallest = sizes.reduce((a, b) => Math.min(a, b));
  const largest = sizes.reduce((a, b) => Math.max(a, b));
  return largest / smallest > 1000 || largest > 1e8 || smallest < 1e-4;
}

/**
 * Floats, as torch/_tensor_str.py of 2.13 chooses: `1.` when all are whole, digits after the point otherwise, an
 * exponent when the finite values other than zero span or reach too far.
 */
export function floatFormat(values: readonly number[], options: PrintOptions): ElementFormat {
  const { precision, sciMode } = options;
  const telling = values.filter((value) => Number.isFinite(value) && value !== 0);
  const isWhole = telling.every(Number.isInteger);
  const scientific = telling.length > 0 && (sciMode ?? needsExponent(telling.map(Math.abs)));
  const whole = (value: number) => toFixed(value, 0) + (Number.isFinite(value) ? '.' : '');
  const text = scientific
    ? (value: number) => toExponential(value, precision)
    : isWhole
      ? whole
      : (value: number) => toFixed(value, precision);
  const width = widest(telling.map(text));
  return { width, format: (value) => text(value as number).padStart(width) };
}
