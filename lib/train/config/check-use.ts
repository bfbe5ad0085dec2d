import { either } from './kinds.ts';
import type { ConfigSpace } from './space.ts';

type Values = Readonly<Record<string, unknown>>;

/** Refuses an option that nothing reads, since another choice was made. What is the default anyway is no matter. */
export function checkUse(said: Values, config: Values, { readers, defaults }: ConfigSpace): void {
  for (const [name, of, choices] of readers) {
    const value = said[name];
    const isSaid = value !== undefined && value !== null && value !== false;
    const choice = String(config[of] ?? 'none');
    if (!isSaid || JSON.stringify(value) === JSON.stringify(defaults[name]) || choices.includes(choice))
      continue;
    throw new RangeError(
      `Expected ${name} for ${of} ${either(choices)}, got it for ${choice}, which has no use for it; leave it out`,
    );
  }
}
