import {
  enterScope,
  forgetInScope,
  isNative,
  leaveScope,
  type NativeObject,
  recordInScope,
  resumeScope,
  type ScopeFrame,
  takeFromScope,
  unwrap,
} from '../ops/index.ts';
import { checkFunction } from '../options.ts';
import { native } from './native.ts';

/** Collects the native objects inside a returned value: arrays, Maps, Sets and plain objects are looked into. */
function collect(value: unknown, found: Set<unknown>): void {
  if (typeof value !== 'object' || value === null || found.has(value)) return;
  found.add(value);
  if (isNative(value) || ArrayBuffer.isView(value)) return;
  if (Array.isArray(value) || value instanceof Set) {
    for (const item of value) collect(item, found);
  } else if (value instanceof Map) {
    for (const [key, item] of value) {
      collect(key, found);
      collect(item, found);
    }
  } else {
    const prototype = Object.getPrototypeOf(value);
    if (prototype === Object.prototype || prototype === null) {
      for (const item of Object.values(value)) collect(item, found);
    }
  }
}

function disposeExcept(made: NativeObject[], result: unknown): void {
  if (typeof result === 'object' && result !== null && isNative(result)) {
    for (const object of made) {
      if (object === result) recordInScope(object);
      else native.dispose(unwrap(object));
    }
    return;
  }
  const kept = new Set<unknown>();
  collect(result, kept);
  for (const object of made) {
    if (kept.has(object)) recordInScope(object);
    else native.dispose(unwrap(object));
  }
}

/** Throws when `result` is a promise: the thread's state would not last until it settles. */
export function refusePromise(result: unknown, name: string): void {
  if (typeof (result as PromiseLike<unknown> | undefined)?.then !== 'function') return;
  throw new TypeError(
    `Expected a synchronous function for ${name}, got one that returns a promise; call ${name} around the ` +
      'synchronous parts, between awaits',
  );
}

/**
 * Runs `fn` and disposes every tensor that was made in it, except those in its result (a tensor, or tensors in
 * arrays, Maps, Sets and plain objects) and those given to `keep`. Scopes nest. When `fn` throws, all go.
 *
 * @throws TypeError when `fn` returns a promise.
 * @example
 * const norm = scope(() => x.mul(x).sum().sqrt()); // the product and the sum are freed here
 */
export function scope<T>(fn: () => T): T {
  checkFunction('scope', fn);
  return scoped(fn, false);
}

/**
 * The same, for the package's own code: what code of others makes in `fn` and what it is given stay alive, since it may
 * keep them.
 */
export function temporaries<T>(fn: () => T): T {
  return scoped(fn, true);
}

function scoped<T>(fn: () => T, own: boolean): T {
  const frame = enterScope(own);
  let result: T | undefined;
  try {
    result = fn();
    refusePromise(result, 'scope');
    return result;
  } catch (error) {
    result = undefined;
    throw error;
  } finally {
    leaveScope(frame);
    disposeExcept(frame.made, result);
  }
}

/**
 * A scope around work in parts, between which other work is done: what one part makes is there for the next ones. Call
 * `end` when the last is done or one has thrown.
 */
export class ScopeInParts {
  readonly #frame: ScopeFrame;

  constructor() {
    this.#frame = enterScope();
    leaveScope(this.#frame);
  }

  /** Runs a part. Nothing that it makes is disposed yet. */
  run<T>(part: () => T): T {
    resumeScope(this.#frame);
    try {
      return part();
    } finally {
      leaveScope(this.#frame);
    }
  }

  /** Disposes what the parts have made, but for what is in `result`. */
  end(result?: unknown): void {
    disposeExcept(this.#frame.made, result);
  }
}

/** Takes a tensor out of the running scope: it lives until `dispose()` or garbage collection. Returns it. */
export function keep<T extends NativeObject>(object: T): T {
  forgetInScope(object);
  return object;
}

/**
 * Disposes a tensor at its last use if the innermost `temporaries` made it; leaves it alone otherwise (it was made
 * outside or by others, or kept).
 */
export function release(object: NativeObject): void {
  if (takeFromScope(object)) native.dispose(unwrap(object));
}
