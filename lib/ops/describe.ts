import { isNative } from './handle.ts';

/** A value as errors name it. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return value.length === 0 ? '[]' : `[${describe(value[0])}, ...]`;
  if (typeof value === 'object')
    return isNative(value)
      ? value.constructor.name
      : `an object of class ${value.constructor?.name ?? 'Object'}`;
  return typeof value === 'number' || typeof value === 'bigint' ? String(value) : `a ${typeof value}`;
}
