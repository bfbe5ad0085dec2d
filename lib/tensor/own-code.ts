import { isInOwnScope, isNative, leaveOwnScopes, outsideOwnScopes } from '../ops/index.ts';

/** Forward functions of this package, and what they call of their object: they hold on to nothing that they are given or make. */
const ownForwards = new WeakSet<object>();

/** What a class may override of a layer or a transform that runs with tensors. */
const METHODS = ['forward', 'makeParams', 'transform', 'transformMask', 'drawParams', 'change', 'changeMask'];

/** Adds the layers, networks and transforms among what these files export. */
export function registerOwnClasses(...files: readonly object[]): void {
  for (const value of files.flatMap((exports) => Object.values(exports))) {
    for (const name of METHODS) {
      const method: unknown = typeof value === 'function' ? value.prototype?.[name] : undefined;
      if (typeof method === 'function') ownForwards.add(method);
    }
  }
}

/** Whether `forward` is of this package, and so may run within `temporaries`. */
export function isOwnForward(forward: object): boolean {
  return ownForwards.has(forward);
}

/** Whether all that an object's class says about tensors is of this package. */
export function isOwnCode(object: object): boolean {
  const methods = METHODS.map((name) => (object as Record<string, unknown>)[name]);
  return methods.every((method) => typeof method !== 'function' || ownForwards.has(method));
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
  else if (Object.getPrototypeOf(value) === Object.prototype) Object.values(value).forEach(handOver);
}
