import { checkOptions, checkPositions, checkText } from '../../options.ts';
import { type Device, type DType, type HookHandle, keep, Tensor } from '../../tensor/index.ts';
import { isOwnForward } from '../../tensor/own-code.ts';
import {
  type LoadOptions,
  type LoadResult,
  loadStateDict,
  type StateDictLike,
} from '../loading/load-state-dict.ts';
import { StateDict } from '../loading/state-dict.ts';
import type { FullBackwardHook, FullBackwardPreHook } from './backward-hooks.ts';
import { Cloner } from './clone.ts';
import { convertTensors, type ModuleTarget } from './convert.ts';
import {
  callWithHooks,
  copyHooks,
  countHooks,
  type ForwardHook,
  type ForwardPreHook,
  type ModuleHooks,
  noHooks,
} from './hooks.ts';
import { indentRest, moduleRepr } from './repr.ts';
import {
  type LoadContext,
  type LoadStateDictPostHook,
  type LoadStateDictPreHook,
  type StateDictPostHook,
  type StateDictPreHook,
  StateHooks,
  type StateHookTypes,
} from './state-hooks.ts';
import { ModuleTree } from './tree.ts';

export type { LoadContext } from './state-hooks.ts';

/**
 * Base of every layer and network, as `torch.nn.Module`.
 *
 * Parameters, buffers and submodules are found by assigning them to properties. Their order in `stateDict()` is
 * the order in which the properties come into being; a class field that is declared without a value counts from
 * its declaration, so declare fields in the order the keys should have.
 *
 * Call `module.forward(x)`; hooks run with it.
 *
 * @example
 * class Net extends nn.Module {
 *   conv = new nn.Conv2d(1, 8, 3);
 *   fc = new nn.Linear(8, 10);
 *   forward(x: Tensor) {
 *     return this.fc.forward(this.conv.forward(x).mean([2, 3]));
 *   }
 * }
 */
export abstract class Module extends ModuleTree {
  /** Version of the module's own entries, written to a state dict's metadata. */
  static version = 1;

  #hooks: ModuleHooks | undefined;
  #stateHooks: StateHooks | undefined;
  readonly #entry = (...inputs: unknown[]): unknown => this.#call(inputs);

  constructor() {
    checkPositions(new.target.name, arguments, 0);
    super();
    // An own property, so that a call from outside runs the hooks and `super.forward()` inside does not.
    Object.defineProperty(this, 'forward', {
      value: this.#entry,
      configurable: true,
      writable: true,
      enumerable: false,
    });
  }

  /** Computes the module's output. Subclasses implement it. */
  // biome-ignore lint/suspicious/noExplicitAny: modules take and return anything
  abstract forward(...inputs: any[]): any;

  #call(inputs: unknown[]): unknown {
    return this.#hooks === undefined
      ? this.#run(inputs)
      : callWithHooks(this, this.#hooks, inputs, (args) => this.#run(args));
  }

  #run(inputs: unknown[]): unknown {
    const forward = Object.getPrototypeOf(this).forward as (...args: unknown[]) => unknown;
    return forward.apply(this, inputs);
  }

  /**
   * Whether `forward` is this package's own, neither overridden nor replaced: it keeps nothing that it is given.
   *
   * @internal
   */
  get isOwnCode(): boolean {
    return this.forward === this.#entry && isOwnForward(Object.getPrototypeOf(this).forward);
  }

  /**
   * Every parameter and saved buffer by key, in PyTorch's order. The tensors share memory with the module.
   *
   * @param first What keys begin with, or `{ prefix }`.
   */
  stateDict(first: string | { prefix?: string } = ''): StateDict {
    const { prefix = '', ...rest } = typeof first === 'object' && first !== null ? first : { prefix: first };
    checkText('stateDict', 'a prefix', prefix);
    checkOptions('stateDict', rest, ['prefix']);
    const state = new StateDict();
    this.#collect(state, prefix);
    return state;
  }

  #collect(state: StateDict, prefix: string): void {
    const metadata = { version: (this.constructor as typeof Module).version };
    this.#stateHooks?.beforeSave(this, prefix);
    state._metadata.set(prefix.slice(0, -1), metadata);
    for (const [name, tensor] of this.ownParameters()) state.set(prefix + name, tensor.detach());
    for (const [name, tensor] of this.ownBuffers({ persistentOnly: true })) {
      state.set(prefix + name, tensor.detach());
    }
    for (const [name, child] of this.namedChildren()) child.#collect(state, `${prefix}${name}.`);
    this.#stateHooks?.afterSave(this, state, prefix, metadata);
  }

  /** Runs `hook(module, prefix)` before each `stateDict()` of this module, also as a part of another. */
  registerStateDictPreHook(hook: StateDictPreHook): HookHandle {
    return this.#addStateHook('preSave', hook);
  }

  /** Runs `hook(module, stateDict, prefix, localMetadata)` after each `stateDict()`; it may change the state dict. */
  registerStateDictPostHook(hook: StateDictPostHook): HookHandle {
    return this.#addStateHook('postSave', hook);
  }

  /**
   * Runs `hook(module, context)` before each `loadStateDict()` compares keys: it may rename and remove entries of
   * `context.entries`, whose keys begin with `context.prefix`, and add them. torch passes the fields one by one.
   */
  registerLoadStateDictPreHook(hook: LoadStateDictPreHook): HookHandle {
    return this.#addStateHook('preLoad', hook);
  }

  /**
   * Runs `hook(module, { missingKeys, unexpectedKeys })` after each `loadStateDict()`; it may change these lists before a strict
   * load refuses them. With such a hook, as in torch, tensors are copied before keys are refused.
   */
  registerLoadStateDictPostHook(hook: LoadStateDictPostHook): HookHandle {
    return this.#addStateHook('postLoad', hook);
  }

  #addStateHook<K extends keyof StateHookTypes>(when: K, hook: StateHookTypes[K]): HookHandle {
    this.#stateHooks ??= new StateHooks();
    return this.#stateHooks.add(when, hook);
  }

  /** @internal */
  get stateHooks(): StateHooks | undefined {
    return this.#stateHooks;
  }

  /**
   * Copies a state dict into this module. Everything is checked first, so a failing load changes nothing.
   *
   * @param state A Map or object from key to Tensor.
   * @param options `strict` (default true) refuses missing and unexpected keys; `assign` takes the tensors' memory
   *   instead of copying it; `stripPrefix` drops a prefix such as `'module.'`, or the one it finds; `ignoreMismatched`
   *   keeps a head of another size; `splitNorms` fits plain norms to IBN.
   * @returns The keys that were loaded, missing and unexpected, and what was done by these options.
   * @throws StateDictError with PyTorch's wording and a hint; also where no key fits at all, strict or not.
   */
  loadStateDict(state: StateDictLike, options: LoadOptions = {}): LoadResult {
    return loadStateDict(this, state, options);
  }

  /** For subclasses: looks at the entries before keys are compared (see BatchNorm2d). */
  prepareLoad(_context: LoadContext): void {}

  /**
   * Moves and converts parameters and buffers in place. A dtype applies to floating-point tensors only, a memory
   * format to four-dimensional ones. Parameters stay the same objects, so optimizers keep working.
   *
   * @example
   * model.to('cuda').to({ memoryFormat: 'channels_last' });
   */
  to(target: Device | DType | ModuleTarget): this {
    convertTensors(this, target);
    return this;
  }

  /** Converts floating-point tensors to float32. */
  float(): this {
    return this.to({ dtype: 'float32' });
  }

  /** Converts floating-point tensors to float64. */
  double(): this {
    return this.to({ dtype: 'float64' });
  }

  /** Converts floating-point tensors to float16. */
  half(): this {
    return this.to({ dtype: 'float16' });
  }

  /** Converts floating-point tensors to bfloat16. */
  bfloat16(): this {
    return this.to({ dtype: 'bfloat16' });
  }

  /** Moves to the CPU. */
  cpu(): this {
    return this.to({ device: 'cpu' });
  }

  /** Moves to a CUDA device, the current one by default. @throws TorchError when there is no such device. */
  cuda(index?: number): this {
    return this.to({ device: index === undefined ? 'cuda' : `cuda:${index}` });
  }

  /**
   * A copy of its own, as Python's `copy.deepcopy`: parameters, gradients, buffers, submodules, hooks, and arrays, Maps and
   * plain objects among its properties. What is shared inside it (one weight in two places, views of one memory) is shared
   * inside the copy. Functions and objects of other classes are shared with this module. No constructor is run, so that a
   * class with `#` members must override this.
   *
   * @example const average = model.clone().requiresGrad_(false);
   */
  clone(): this {
    const cloner = new Cloner((value): value is Module => value instanceof Module);
    return cloner.copy(this);
  }

  /** @internal */
  copyInto(cloner: Cloner): Module {
    const copy = cloner.note(this, this.emptyCopy());
    copy.copyRegistrations(this);
    copy.#stateHooks = this.#stateHooks?.copy();
    const hooks = this.#hooks;
    if (hooks) copy.#hooks = copyHooks(hooks);
    if (this.forward !== this.#entry) copy.forward = this.forward;
    for (const [name, value] of Object.entries(this)) {
      const copied: unknown = cloner.copy(value);
      (copy as unknown as Record<string, unknown>)[name] = copied instanceof Tensor ? keep(copied) : copied;
    }
    return copy;
  }

  /**
   * A module of the same class that no constructor but this base's made.
   *
   * @internal
   */
  protected emptyCopy(): Module {
    return Reflect.construct(Module as unknown as new () => Module, [], this.constructor) as Module;
  }

  /** Runs `hook` after each forward; what it returns, if anything, replaces the output. */
  registerForwardHook(hook: ForwardHook): HookHandle {
    return this.#addHook('after', hook);
  }

  /** Runs `hook` before each forward; what it returns, if anything, replaces the inputs. */
  registerForwardPreHook(hook: ForwardPreHook): HookHandle {
    return this.#addHook('before', hook);
  }

  /**
   * Runs `hook(module, gradInput, gradOutput)` in backward, when the gradients of the inputs of a forward are there, as
   * torch.nn.Module.register_full_backward_hook: arrays with a place for each input and each output, null where there is no
   * gradient. An array that it returns takes the place of `gradInput`. Where no input requires grad, it runs when the gradients
   * of the outputs are there, with nulls. In-place changes of inputs or outputs of such a module are errors.
   */
  registerFullBackwardHook(hook: FullBackwardHook): HookHandle {
    return this.#addHook('backward', hook);
  }

  /**
   * Runs `hook(module, gradOutput)` in backward, when the gradients of the outputs are there, as
   * torch.nn.Module.register_full_backward_pre_hook. An array that it returns takes their place.
   */
  registerFullBackwardPreHook(hook: FullBackwardPreHook): HookHandle {
    return this.#addHook('backwardPre', hook);
  }

  /** Whether any hook runs with `forward`. */
  get hasHooks(): boolean {
    return this.#hooks !== undefined;
  }

  #addHook(when: keyof ModuleHooks, hook: (...args: never[]) => unknown): HookHandle {
    if (typeof hook !== 'function') throw new TypeError(`Expected a function for a hook, got ${typeof hook}`);
    this.#hooks ??= noHooks();
    const hooks = this.#hooks;
    const id = Symbol(when);
    (hooks[when] as Map<symbol, unknown>).set(id, hook);
    const remove = (): void => {
      hooks[when].delete(id);
      if (countHooks(hooks) === 0 && this.#hooks === hooks) this.#hooks = undefined;
    };
    return { remove };
  }

  /** What stands between the parentheses when the module is printed. */
  extraRepr(): string {
    return '';
  }

  /** The module as PyTorch prints it. */
  override toString(): string {
    const children = this.namedChildren().map(
      ([name, child]) => `(${name}): ${indentRest(child.toString())}`,
    );
    return moduleRepr(this.constructor.name, this.extraRepr(), children);
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}
