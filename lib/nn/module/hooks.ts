import { keep, Tensor } from '../../tensor/index.ts';
import { callForeign } from '../../tensor/own-code.ts';
import { BackwardHooks, type FullBackwardHook, type FullBackwardPreHook } from './backward-hooks.ts';
import type { Module } from './module.ts';

export type { HookHandle } from '../../tensor/index.ts';

/** Runs before forward; a returned value replaces the inputs (an array: all of them, else the first). */
// biome-ignore lint/suspicious/noExplicitAny: modules take and return anything
export type ForwardPreHook = (module: Module, inputs: any[]) => unknown;

/** Runs after forward; a returned value (other than undefined) replaces the output. */
// biome-ignore lint/suspicious/noExplicitAny: modules take and return anything
export type ForwardHook = (module: Module, inputs: any[], output: any) => unknown;

/** The hooks of one module. It exists only while the module has any, so that the usual call pays nothing. */
export interface ModuleHooks {
  readonly before: Map<symbol, ForwardPreHook>;
  readonly after: Map<symbol, ForwardHook>;
  readonly backward: Map<symbol, FullBackwardHook>;
  readonly backwardPre: Map<symbol, FullBackwardPreHook>;
}

export const noHooks = (): ModuleHooks => ({
  before: new Map(),
  after: new Map(),
  backward: new Map(),
  backwardPre: new Map(),
});

export const copyHooks = (hooks: ModuleHooks): ModuleHooks => ({
  before: new Map(hooks.before),
  after: new Map(hooks.after),
  backward: new Map(hooks.backward),
  backwardPre: new Map(hooks.backwardPre),
});

export const countHooks = (hooks: ModuleHooks): number =>
  Object.values(hooks).reduce((count, { size }) => count + size, 0);

/** Hooks may store what they are given, so it must outlive every scope. */
function keepAll(value: unknown): void {
  if (value instanceof Tensor) keep(value);
  else if (Array.isArray(value)) value.forEach(keepAll);
}

/** Runs forward between its hooks, in the order they were registered. */
export function callWithHooks(
  module: Module,
  hooks: ModuleHooks,
  inputs: unknown[],
  run: (inputs: unknown[]) => unknown,
): unknown {
  let args = inputs;
  keepAll(args);
  for (const hook of [...hooks.before.values()]) {
    const replaced = callForeign(hook, module, args);
    if (replaced !== undefined) args = Array.isArray(replaced) ? replaced : [replaced];
  }
  const backward =
    hooks.backward.size + hooks.backwardPre.size === 0
      ? undefined
      : new BackwardHooks(module, hooks.backward.values(), hooks.backwardPre.values());
  if (backward !== undefined) {
    args = backward.watchInputs(args);
    keepAll(args);
  }
  let output = run(args);
  keepAll(output);
  for (const hook of [...hooks.after.values()]) {
    const replaced = callForeign(hook, module, args, output);
    if (replaced !== undefined) output = replaced;
  }
  return backward === undefined ? output : backward.watchOutput(output);
}
