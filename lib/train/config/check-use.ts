import type { ConfigSpace } from './space.ts';

type Values = Readonly<Record<string, unknown>>;

/** Refuses an option that nothing reads, since another choice was made. What is the default anyway is no matter. */
export function checkUse(said: Values, config: Values, { readers, defaults }: ConfigSpace): void {
  for (const [name, of, choices] of readers) {
    const value = said[name];
    const isSaid = value !== undefined && value !== null && value !== false;
    const choice = config[of] as string;
    if (!isSaid || JSON.stringify(value) === JSON.stringify(defaults[name]) || choices.includes(choice))
      continue;
    throw new RangeError(
      `Expected ${name} for ${of} ${choices.join(' or ')}, got it for ${choice}, which has no use for it; leave it out`,
    );
  }
}
