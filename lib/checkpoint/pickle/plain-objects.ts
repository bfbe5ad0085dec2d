import { printable } from '../errors.ts';
import { InertGlobal, InertObject } from '../inert.ts';

/** What an object is that cannot be written, for messages. */
export function kindOf(value: object): string {
  if (value instanceof InertObject)
    return `the description of a ${printable(value.className)}; save what it holds`;
  if (value instanceof InertGlobal) return `the Python name ${printable(value.name)}; leave it out`;
  return `an instance of ${value.constructor?.name || 'an unnamed class'}`;
}

/** Whether an object is a dict to be: made by a literal or without a prototype. */
export function isPlainObject(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}
