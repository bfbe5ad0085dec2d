import type { ModuleMetadata, StateDict } from '../loading/state-dict.ts';
import type { HookHandle } from './hooks.ts';
import type { Module } from './module.ts';

/** What a module's own load step may look at and change before keys are compared. */
export interface LoadContext {
  /** The entries being loaded, by full key. */
  readonly entries: Map<string, unknown>;
  /** This module's prefix in them, `''` or ending in a dot. */
  readonly prefix: string;
  /** The version the file was written with, or undefined in files without metadata. */
  readonly version: number | undefined;
  /** Whether missing and unexpected keys are refused. */
  readonly strict: boolean;
  /** Keys that may be missing. */
  readonly optional: Set<string>;
  /** Keys that were taken out of the entries because the module has no use for them; a warning names them. */
  readonly droppedKeys: string[];
  /** Whole sentences; any makes the load fail. */
  readonly errors: string[];
}

/** Runs before a state dict is made. */
export type StateDictPreHook = (module: Module, prefix: string) => void;

/** Runs after a state dict is made, and may change it. */
export type StateDictPostHook = (
  module: Module,
  stateDict: StateDict,
  prefix: string,
  localMetadata: ModuleMetadata,
) => void;

/** Runs before keys are compared, and may change the entries. */
export type LoadStateDictPreHook = (module: Module, context: LoadContext) => void;

/** Keys that do not fit; a hook may change the lists. */
export interface IncompatibleKeys {
  readonly missingKeys: string[];
  readonly unexpectedKeys: string[];
}

/** Runs after a state dict was loaded. */
export type LoadStateDictPostHook = (module: Module, incompatibleKeys: IncompatibleKeys) => void;

/** The kinds of hooks around state dicts. */
export interface StateHookTypes {
  preSave: StateDictPreHook;
  postSave: StateDictPostHook;
  preLoad: LoadStateDictPreHook;
  postLoad: LoadStateDictPostHook;
}

type Hooks = { readonly [K in keyof StateHookTypes]: Map<symbol, StateHookTypes[K]> };

/** The hooks of one module around its state dict. It exists only once the module has had any. */
export class StateHooks {
  readonly #hooks: Hooks = {
    preSave: new Map(),
    postSave: new Map(),
    preLoad: new Map(),
    postLoad: new Map(),
  };

  add<K extends keyof StateHookTypes>(when: K, hook: StateHookTypes[K]): HookHandle {
    const hooks: Map<symbol, StateHookTypes[K]> = this.#hooks[when];
    const id = Symbol(when);
    hooks.set(id, hook);
    return { remove: () => void hooks.delete(id) };
  }

  copy(): StateHooks {
    const copy = new StateHooks();
    for (const when of Object.keys(this.#hooks) as (keyof Hooks)[]) {
      for (const hook of this.#hooks[when].values()) copy.add(when, hook as never);
    }
    return copy;
  }

  get hasPostLoad(): boolean {
    return this.#hooks.postLoad.size > 0;
  }

  beforeSave(module: Module, prefix: string): void {
    for (const hook of [...this.#hooks.preSave.values()]) hook(module, prefix);
  }

  afterSave(module: Module, state: StateDict, prefix: string, metadata: ModuleMetadata): void {
    for (const hook of [...this.#hooks.postSave.values()]) hook(module, state, prefix, metadata);
  }

  beforeLoad(module: Module, context: LoadContext): void {
    for (const hook of [...this.#hooks.preLoad.values()]) hook(module, context);
  }

  afterLoad(module: Module, keys: IncompatibleKeys): void {
    for (const hook of [...this.#hooks.postLoad.values()]) hook(module, keys);
  }
}
