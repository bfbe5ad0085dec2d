import type { Handle } from '../binding.ts';

/** What was made since a scope began, and the scope around it. */
export interface ScopeFrame {
  readonly made: NativeObject[];
  outer: ScopeFrame | null;
  /** Of the package's own code: it records nothing that other code makes or is given. */
  readonly own: boolean;
}
let currentScope: ScopeFrame | null = null;

/**
 * An own property that structuredClone and postMessage refuse, quoting it: without one they would make `{}` of a tensor
 * in silence, as they look at nothing else.
 */
const NOT_CLONEABLE = Symbol(
  'a native object stays on its thread: send data(), shape and dtype of a tensor instead',
);

let objects = 0;

/**
 * A JavaScript object over one native value. The handle is private to this file: only `unwrap` sees it, so no
 * other object can pass for a tensor.
 */
export abstract class NativeObject {
  #handle: Handle;
  declare private readonly cloneable: symbol;
  /**
   * An own number, for whoever compares objects by their properties (`toEqual`, `deepStrictEqual`): two tensors would be
   * equal in silence, whatever is in them. `ibn-net/testing` compares what is in them.
   */
  declare private readonly objectId: number;

  constructor(handle: Handle) {
    this.#handle = handle;
    this.cloneable = NOT_CLONEABLE;
    this.objectId = objects++;
    if (currentScope !== null) currentScope.made.push(this);
  }

  /** @internal */
  static unwrap(object: NativeObject): Handle {
    try {
      return object.#handle;
    } catch {
      throw foreign(object);
    }
  }

  /** @internal */
  static handleOf(value: object): Handle | undefined {
    return #handle in value ? value.#handle : undefined;
  }

  /** @internal */
  static isNative(value: object): value is NativeObject {
    return #handle in value;
  }
}

function foreign(value: unknown): TypeError {
  const kind = value === null || value === undefined ? String(value) : `a value of type ${typeof value}`;
  const got = typeof value === 'object' && value !== null ? 'another object' : kind;
  return new TypeError(`Expected a Tensor, Generator or UntypedStorage of this package, got ${got}`);
}

/** The native value behind a tensor, generator or storage. */
export const unwrap: (object: NativeObject) => Handle = NativeObject.unwrap;

/** The native value behind `value`, or undefined where there is none. */
export const handleOf: (value: object) => Handle | undefined = NativeObject.handleOf;

/** Whether `value` carries a native value of this package. */
export const isNative: (value: object) => value is NativeObject = NativeObject.isNative;

type TensorConstructor = new (handle: Handle) => NativeObject;
let tensorClass: TensorConstructor | undefined;

/** The tensor layer's class, which ops return. Called once, when that layer loads. */
export function setTensorClass(newClass: TensorConstructor): void {
  tensorClass = newClass;
}

/** Whether `value` is of the tensor layer's class, unlike storages, generators and other native values. */
export function isTensorObject(value: object): boolean {
  return tensorClass !== undefined && value instanceof tensorClass;
}

/** A Tensor over `handle`; null for an undefined tensor. */
export function wrapTensor(handle: unknown): NativeObject | null {
  if (handle === null) return null;
  return new (tensorClass as TensorConstructor)(handle as Handle);
}

/** A native value that libtorch alone can read, such as packed parameters; ops take it and give it back. */
export class OpaqueValue extends NativeObject {}

/** Begins to record what is made. */
export function enterScope(own = false): ScopeFrame {
  currentScope = { made: [], outer: currentScope, own };
  return currentScope;
}

/** Begins to record in `frame` again, which was left before. */
export function resumeScope(frame: ScopeFrame): void {
  frame.outer = currentScope;
  currentScope = frame;
}

/** Ends `frame`: recording goes on in the scope around it. */
export function leaveScope(frame: ScopeFrame): void {
  currentScope = frame.outer;
}

function forgetIn(frame: ScopeFrame, object: NativeObject): boolean {
  const index = frame.made.lastIndexOf(object);
  if (index >= 0) frame.made.splice(index, 1);
  return index >= 0;
}

/** Takes `object` out of the scope that recorded it. */
export function forgetInScope(object: NativeObject): void {
  for (let frame = currentScope; frame !== null; frame = frame.outer) if (forgetIn(frame, object)) return;
}

function surroundingFrame(): ScopeFrame | null {
  let frame = currentScope;
  while (frame?.own) frame = frame.outer;
  return frame;
}

/** Whether a scope of the package's own code is running. */
export function isInOwnScope(): boolean {
  return currentScope?.own === true;
}

/** Hands `object` over from the package's own scopes to the scope around them, if there is one. */
export function leaveOwnScopes(object: NativeObject): void {
  for (let frame = currentScope; frame?.own; frame = frame.outer) {
    if (!forgetIn(frame, object)) continue;
    surroundingFrame()?.made.push(object);
    return;
  }
}

/** Runs `fn` in the scope around the package's own ones. */
export function outsideOwnScopes<T>(fn: () => T): T {
  const inside = currentScope;
  currentScope = surroundingFrame();
  try {
    return fn();
  } finally {
    currentScope = inside;
  }
}

/** Records `object` in the running scope, as if made now. */
export function recordInScope(object: NativeObject): void {
  if (currentScope !== null) currentScope.made.push(object);
}

/** Whether the innermost running scope is the package's own and recorded `object`; it is taken out if so. */
export function takeFromScope(object: NativeObject): boolean {
  return currentScope?.own === true && forgetIn(currentScope, object);
}
