import { isNative } from './handle.ts';

const KINDS: Record<string, number> = { number: 1, boolean: 3, string: 4, bigint: 5, undefined: 6 };
const NATIVE = 8;
/** The kind of an array of integers. */
export const INTEGERS = 10;
/** The key of calls that are resolved anew each time. */
export const UNCACHED = -1;
/** How many bits of a key each argument takes. */
export const KEY_BITS = 4;
const MAX_KEYED = 7;
/** The key of a call with one tensor. */
export const UNARY = (1 << KEY_BITS) | NATIVE;

function arrayKind(value: object): number | undefined {
  if (!Array.isArray(value)) return undefined;
  if (value.length === 0) return 9;
  if (Number.isInteger(value[0])) return INTEGERS;
  return typeof value[0] === 'object' && value[0] !== null && isNative(value[0]) ? 11 : undefined;
}

/** What of an argument decides which overload takes it; undefined where its kind alone does not tell. */
export function kindOf(value: unknown): number | undefined {
  if (typeof value === 'object') return value === null ? 7 : isNative(value) ? NATIVE : arrayKind(value);
  return typeof value === 'number' && !Number.isInteger(value) ? 2 : KINDS[typeof value];
}

/** A small number for the kinds of `args`, the same for all calls that resolve alike; -1 when it cannot say. */
export function keyOf(args: unknown[]): number {
  if (args.length > MAX_KEYED) return UNCACHED;
  let key = 1;
  for (const value of args) {
    const kind = kindOf(value);
    if (kind === undefined) return UNCACHED;
    key = (key << KEY_BITS) | kind;
  }
  return key;
}

/** Whether `args` are a tensor and integers one by one. */
export function isVarargs(args: unknown[]): boolean {
  return args.length > 1 && args.every((value, i) => i === 0 || kindOf(value) === 1 || kindOf(value) === 5);
}
