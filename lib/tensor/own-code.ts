import { isInOwnScope, isNative, leaveOwnScopes, outsideOwnScopes } from '../ops/index.ts';

/** Forward functions of this package: they hold on to nothing that they are given or make. */
const ownForwards = new WeakSet<object>();

/** Adds the layers, networks and transforms among what these files export. */
export function registerOwnClasses(...files: readonly object[]): void {
  for (const value of files.flatMap((exports) => Object.values(exports))) {
    const forward: unknown = typeof value === 'function' ? value.prototype?.forward : undefined;
    if (typeof forward === 'function') ownForwards.add(forward);
  }
}

/** Whether `forward` is of this package, and so may run within `temporaries`. */
export function isOwnForward(forward: object): boolean {
  return ownForwards.has(forward);
}

/** Runs code of others, which may keep what it makes, is given and returns: nothing of it is freed before its time. */
export function callForeign<A extends unknown[], R>(fn: (...args: A) => R, ...args: A): R {
  if (!isInOwnScope()) return fn(...args);
  for (const arg of args) handOver(arg);
  return outsideOwnScopes(() => fn(...args));
}

function handOver(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  if (isNative(value)) leaveOwnScopes(value);
  else if (Array.isArray(value)) value.forEach(handOver);
}
