import type { Handle } from '../../binding.ts';
import { describe, isTensorObject, unwrap, wrapTensor } from '../../ops/index.ts';
import { describeValue } from '../../options.ts';
import { native } from '../native.ts';
import { callForeign } from '../own-code.ts';
import { keep } from '../scope.ts';
import type { Tensor } from '../tensor.ts';

/** Takes a hook off again. */
export interface HookHandle {
  remove(): void;
}

/** Sees a gradient; a tensor of its shape, dtype and device that it returns takes the gradient's place. */
// biome-ignore lint/suspicious/noConfusingVoidType: a hook may have no return statement
export type GradHook = (gradient: Tensor) => Tensor | null | undefined | void;

function checkFunction(name: string, hook: unknown): void {
  if (typeof hook !== 'function')
    throw new TypeError(`Expected a function for ${name}, got ${describe(hook)}`);
}

/** Hooks may store what they are given, so it must outlive every scope. */
const kept = (handle: unknown): Tensor => keep(wrapTensor(handle) as Tensor);

/** Apart from the hooks' own closures: one that held its handle would hold itself, through libtorch. */
const removable = (handle: Handle): HookHandle => ({ remove: () => native.removeHook(handle) });

export function registerGradHook(tensor: Tensor, hook: GradHook): HookHandle {
  checkFunction('registerHook', hook);
  return removable(native.registerHook(unwrap(tensor), callerOf(hook)));
}

function callerOf(hook: GradHook): (gradient: Handle) => Handle | undefined {
  return (gradient) => {
    const result: unknown = callForeign(hook, kept(gradient));
    if (result === undefined || result === null) return undefined;
    if (typeof result === 'object' && isTensorObject(result)) return unwrap(result as Tensor);
    throw new TypeError(
      `Expected a Tensor, null or nothing from the hook of registerHook, got ${describeValue(result)}`,
    );
  };
}

export function registerPostAccumulateGradHook<T extends Tensor>(
  tensor: T,
  hook: (tensor: T) => void,
): HookHandle {
  checkFunction('registerPostAccumulateGradHook', hook);
  const caller = leafCallerOf(new WeakRef(tensor), hook);
  return removable(native.registerPostAccumulateGradHook(unwrap(tensor), caller));
}

/** The tensor keeps its hooks: one that kept the tensor would never be freed. */
function leafCallerOf<T extends Tensor>(known: WeakRef<T>, hook: (tensor: T) => void) {
  return (leaf: Handle): undefined => {
    callForeign(hook, known.deref() ?? (kept(leaf) as T));
    return undefined;
  };
}
