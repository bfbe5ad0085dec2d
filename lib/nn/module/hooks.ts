import { keep, Tensor } from '../../tensor/index.ts';
import { callForeign } from '../../tensor/own-code.ts';
import type { Module } from './module.ts';

/** Takes a hook off again. */
export interface HookHandle {
  remove(): void;
}

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
}

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
  let output = run(args);
  keepAll(output);
  for (const hook of [...hooks.after.values()]) {
    const replaced = callForeign(hook, module, args, output);
    if (replaced !== undefined) output = replaced;
  }
  return output;
}
