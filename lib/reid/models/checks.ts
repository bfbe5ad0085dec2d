import { Module } from '../../nn/index.ts';
import { describeValue } from '../../options.ts';

export { checkChoice, checkCount, checkNumber } from '../../options.ts';

/** Refuses what is no network. */
export function checkModule(owner: string, name: string, value: unknown): asserts value is Module {
  if (value instanceof Module) return;
  throw new TypeError(`Expected a Module for ${owner} ${name}, got ${describeValue(value)}`);
}
