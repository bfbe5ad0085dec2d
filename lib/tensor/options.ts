import { describe, isOptions } from '../ops/call.ts';

/** Throws a TypeError for an option that `name` does not have, or for what is no options object. */
export function checkOptions(options: unknown, known: readonly string[], name: string): void {
  if (!isOptions(options))
    throw new TypeError(`Expected an options object for ${name}, got ${describe(options)}`);
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) {
      throw new TypeError(`Expected options of ${name} (${known.join(', ')}), got "${key}"`);
    }
  }
}
