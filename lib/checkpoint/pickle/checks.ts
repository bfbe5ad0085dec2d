import { PyTuple } from '../values.ts';

/** Thrown by checks without a position; the machine adds file and key. */
export class Mismatch extends Error {}

/** A count or position: an integer from 0 to 2^53 - 1. */
export function asCount(value: unknown, name: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new Mismatch(`expected a non-negative integer for ${name}, got ${describe(value)}`);
}

export function asString(value: unknown, name: string): string {
  if (typeof value === 'string') return value;
  throw new Mismatch(`expected a string for ${name}, got ${describe(value)}`);
}

export function asBoolean(value: unknown, name: string): boolean {
  if (typeof value === 'boolean') return value;
  if (value === 0 || value === 1) return value === 1;
  throw new Mismatch(`expected a boolean for ${name}, got ${describe(value)}`);
}

export function asNumber(value: unknown, name: string): number {
  if (typeof value === 'number') return value;
  throw new Mismatch(`expected a number for ${name}, got ${describe(value)}`);
}

/** The items of a tuple or list. */
export function asItems(value: unknown, name: string): readonly unknown[] {
  if (value instanceof PyTuple) return value.items;
  if (Array.isArray(value)) return value;
  throw new Mismatch(`expected a tuple for ${name}, got ${describe(value)}`);
}

/** The integers of a tuple, at most `most` of them. */
export function asCounts(value: unknown, name: string, most: number): number[] {
  const items = asItems(value, name);
  if (items.length > most)
    throw new Mismatch(`expected at most ${most} numbers for ${name}, got ${items.length}`);
  return items.map((item) => asCount(item, name));
}

/** Bytes, also when Python 2 wrote them as a string. */
export function asBytes(value: unknown, name: string): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value === 'string') return Buffer.from(value, 'utf8');
  throw new Mismatch(`expected bytes for ${name}, got ${describe(value)}`);
}

/** A short description of any value, safe to print. */
export function describe(value: unknown): string {
  if (value === null) return 'None';
  if (typeof value === 'string')
    return JSON.stringify(value.length > 40 ? `${value.slice(0, 37)}...` : value);
  if (typeof value !== 'object') return String(value).slice(0, 40);
  return Array.isArray(value) ? 'list' : value.constructor.name.replace(/^Py/, '');
}
