import { describeValue } from '../../options.ts';
import { Module } from './module.ts';

/**
 * Refuses what is no module, before its methods are called.
 *
 * @throws TypeError.
 */
export function checkModule(owner: string, name: string, value: unknown): asserts value is Module {
  if (value instanceof Module) return;
  throw new TypeError(`Expected a Module for ${owner} argument "${name}", got ${describeValue(value)}`);
}
