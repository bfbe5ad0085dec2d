import { checkOptions, checkPositions } from '../../options.ts';
import { zeroGradients } from '../../tensor/grad.ts';
import { type Device, type DType, keep, Tensor } from '../../tensor/index.ts';
import { isOwnForward } from '../../tensor/own-code.ts';
import {
  type LoadOptions,
  type LoadResult,
  loadStateDict,
  type StateDictLike,
} from '../loading/load-state-dict.ts';
import { StateDict } from '../loading/state-dict.ts';
import { Cloner } from './clone.ts';
import { convertTensors, type ModuleTarget } from './convert.ts';
import {
  callWithHooks,
  type ForwardHook,
  type ForwardPreHook,
  type HookHandle,
  type ModuleHooks,
} from './hooks.ts';
import { isParameter, type Parameter } from './parameter.ts';
import { indentRest, moduleRepr } from './repr.ts';

/** What a module's own load step may look at and change before keys are compared. */
export interface LoadContext {
  /** The entries being loaded, by full key. */
  readonly entries: Map<string, unknown>;
  /** This module's prefix in them, `''` or ending in a dot. */
  readonly prefix: string;
  /** The version the file was written with, or undefined in files without metadata. */
  readonly version: number | undefined;
  /** Keys that may be missing. */
  readonly optional: Set<string>;
  /** Keys that were taken out of the entries because the module has no use for them; a warning names them. */
  readonly droppedKeys: string[];
  /** Whole sentences; any makes the load fail. */
  readonly errors: string[];
}

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
export abstract class Module {
  /** Version of the module's own entries, written to a state dict's metadata. */
  static version = 1;

  training = true;
  /** Buffer names in order of registration, with whether they are saved. */
  readonly #buffers = new Map<string, boolean>();
  #hooks: ModuleHooks | undefined;
  readonly #entry = (...inputs: unknown[]): unknown => this.#call(inputs);

  constructor() {
    checkPositions(new.target.name, arguments, 0);
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

  /** Makes `name` a buffer: saved with the module (unless `persistent: false`), never trained. */
  registerBuffer(name: string, tensor: Tensor | null, options: { persistent?: boolean } = {}): void {
    this.#checkName('buffer', name);
    checkOptions('registerBuffer', options, ['persistent']);
    if (tensor !== null && !(tensor instanceof Tensor)) {
      throw new TypeError(`Expected a Tensor or null for buffer "${name}", got ${typeof tensor}`);
    }
    this.#buffers.set(name, options.persistent ?? true);
    this.#set(name, tensor === null ? null : keep(tensor));
  }

  /** The same as assigning to `this[name]`; `null` holds the place of a parameter that is switched off. */
  registerParameter(name: string, parameter: Parameter | null): void {
    this.#checkName('parameter', name);
    if (parameter !== null && !isParameter(parameter)) {
      throw new TypeError(
        `Expected a Parameter or null for parameter "${name}", got ${typeof parameter}; wrap a Tensor in new nn.Parameter(tensor)`,
      );
    }
    this.#set(name, parameter);
  }

  /** The same as assigning to `this[name]`. */
  registerModule(name: string, module: Module | null): void {
    this.#checkName('module', name);
    if (module !== null && !(module instanceof Module)) {
      throw new TypeError(`Expected a Module or null for module "${name}", got ${typeof module}`);
    }
    this.#set(name, module);
  }

  #checkName(kind: string, name: string): void {
    if (name === '' || name.includes('.')) {
      throw new RangeError(`Expected a name without dots for a ${kind}, got "${name}"`);
    }
    const current = this.#get(name) ?? null;
    if (current !== null && !(current instanceof Tensor) && !(current instanceof Module)) {
      throw new RangeError(
        `Expected a free name for a ${kind}, got "${name}", which the module already uses`,
      );
    }
  }

  #set(name: string, value: unknown): void {
    (this as Record<string, unknown>)[name] = value;
  }

  #get(name: string): unknown {
    return (this as Record<string, unknown>)[name];
  }

  /** This module's own parameters, not those of its children. */
  ownParameters(): [string, Parameter][] {
    return Object.entries(this).filter((entry): entry is [string, Parameter] => isParameter(entry[1]));
  }

  /** This module's own buffers, not those of its children. */
  ownBuffers(options: { persistentOnly?: boolean } = {}): [string, Tensor][] {
    checkOptions('ownBuffers', options, ['persistentOnly']);
    const found: [string, Tensor][] = [];
    for (const [name, persistent] of this.#buffers) {
      const value = this.#get(name);
      if (value instanceof Tensor && (persistent || !options.persistentOnly)) found.push([name, value]);
    }
    return found;
  }

  /** Direct children by name; a module under two names appears twice. */
  namedChildren(): [string, Module][] {
    return Object.entries(this).filter((entry): entry is [string, Module] => entry[1] instanceof Module);
  }

  /** Direct children. */
  children(): Module[] {
    return this.namedChildren().map(([, module]) => module);
  }

  /** This module and all below it, by dotted name, each once; itself under `prefix`. */
  namedModules(prefix = ''): [string, Module][] {
    const seen = new Set<Module>();
    const found: [string, Module][] = [];
    const visit = (module: Module, name: string): void => {
      if (seen.has(module)) return;
      seen.add(module);
      found.push([name, module]);
      for (const [child, value] of module.namedChildren())
        visit(value, name === '' ? child : `${name}.${child}`);
    };
    visit(this, prefix);
    return found;
  }

  /** This module and all below it, each once. */
  modules(): Module[] {
    return this.namedModules().map(([, module]) => module);
  }

  /** Parameters by dotted name, each once. */
  namedParameters(prefix = '', options: { recurse?: boolean } = {}): [string, Parameter][] {
    checkOptions('namedParameters', options, ['recurse']);
    return this.#named(prefix, options.recurse ?? true, (module) => module.ownParameters());
  }

  /** Parameters, each once, in the order of `namedParameters()`. */
  parameters(options: { recurse?: boolean } = {}): Parameter[] {
    return this.namedParameters('', options).map(([, parameter]) => parameter);
  }

  /** Buffers by dotted name, each once, including those that are not saved. */
  namedBuffers(prefix = '', options: { recurse?: boolean } = {}): [string, Tensor][] {
    checkOptions('namedBuffers', options, ['recurse']);
    return this.#named(prefix, options.recurse ?? true, (module) => module.ownBuffers());
  }

  /** Buffers, each once. */
  buffers(options: { recurse?: boolean } = {}): Tensor[] {
    return this.namedBuffers('', options).map(([, buffer]) => buffer);
  }

  /**
   * Frees the parameters, their gradients and the buffers, here and below, now rather than at a garbage collection: of a
   * network that was compiled, say. Tensors that others share with it, such as those of its state dict, stay. Twice is fine.
   */
  dispose(): void {
    for (const parameter of this.parameters()) parameter.dispose();
    for (const buffer of this.buffers()) buffer.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #named<T>(prefix: string, recurse: boolean, members: (module: Module) => [string, T][]): [string, T][] {
    const seen = new Set<T>();
    const found: [string, T][] = [];
    for (const [path, module] of recurse ? this.namedModules(prefix) : [[prefix, this] as const]) {
      for (const [name, member] of members(module)) {
        if (seen.has(member)) continue;
        seen.add(member);
        found.push([path === '' ? name : `${path}.${name}`, member]);
      }
    }
    return found;
  }

  /**
   * The module at a dotted path, such as `'layer1.0'`; `''` is the module itself.
   *
   * @throws RangeError naming the part that does not exist.
   */
  getSubmodule(path: string): Module {
    let module: Module = this;
    for (const name of path === '' ? [] : path.split('.')) {
      const next = module.namedChildren().find(([child]) => child === name);
      if (next === undefined) {
        const names = module.namedChildren().map(([child]) => child);
        const has = names.length > 0 ? `; it has ${names.join(', ')}` : '; it has no submodules';
        throw new RangeError(`${module.constructor.name} has no submodule "${name}" (path "${path}")${has}`);
      }
      module = next[1];
    }
    return module;
  }

  /** Every parameter and saved buffer by key, in PyTorch's order. The tensors share memory with the module. */
  stateDict(prefix = ''): StateDict {
    const state = new StateDict();
    this.#collect(state, prefix);
    return state;
  }

  #collect(state: StateDict, prefix: string): void {
    state._metadata.set(prefix.slice(0, -1), { version: (this.constructor as typeof Module).version });
    for (const [name, tensor] of this.ownParameters()) state.set(prefix + name, tensor.detach());
    for (const [name, tensor] of this.ownBuffers({ persistentOnly: true })) {
      state.set(prefix + name, tensor.detach());
    }
    for (const [name, child] of this.namedChildren()) child.#collect(state, `${prefix}${name}.`);
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

  /** Sets training mode here and below; it changes Dropout and the normalisation layers. */
  train(mode = true): this {
    if (typeof mode !== 'boolean') throw new TypeError(`Expected a boolean for train, got ${typeof mode}`);
    for (const module of this.modules()) module.training = mode;
    return this;
  }

  /** The same as `train(false)`. */
  eval(): this {
    return this.train(false);
  }

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
    for (const [name, isSaved] of this.#buffers) copy.#buffers.set(name, isSaved);
    const hooks = this.#hooks;
    if (hooks) copy.#hooks = { before: new Map(hooks.before), after: new Map(hooks.after) };
    if (this.forward !== this.#entry) copy.forward = this.forward;
    for (const [name, value] of Object.entries(this)) {
      const copied: unknown = cloner.copy(value);
      copy.#set(name, copied instanceof Tensor ? keep(copied) : copied);
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

  /** Sets whether gradients are recorded for every parameter. */
  requiresGrad_(requiresGrad = true): this {
    for (const parameter of this.parameters()) parameter.requiresGrad_(requiresGrad);
    return this;
  }

  /** Drops every gradient, or fills it with zeros where `setToNone` is false. */
  zeroGrad(options: { setToNone?: boolean } = {}): void {
    checkOptions('zeroGrad', options, ['setToNone']);
    zeroGradients(this.parameters(), options.setToNone);
  }

  /** Calls `fn` on every module, children before their parents. */
  apply(fn: (module: Module) => void): this {
    for (const child of this.children()) child.apply(fn);
    fn(this);
    return this;
  }

  /** Runs `hook` after each forward; what it returns, if anything, replaces the output. */
  registerForwardHook(hook: ForwardHook): HookHandle {
    return this.#addHook('after', hook);
  }

  /** Runs `hook` before each forward; what it returns, if anything, replaces the inputs. */
  registerForwardPreHook(hook: ForwardPreHook): HookHandle {
    return this.#addHook('before', hook);
  }

  /** Whether any hook runs with `forward`. */
  get hasHooks(): boolean {
    return this.#hooks !== undefined;
  }

  #addHook(when: keyof ModuleHooks, hook: ForwardHook | ForwardPreHook): HookHandle {
    this.#hooks ??= { before: new Map(), after: new Map() };
    const hooks = this.#hooks;
    const id = Symbol(when);
    (hooks[when] as Map<symbol, unknown>).set(id, hook);
    const remove = (): void => {
      hooks[when].delete(id);
      if (hooks.before.size + hooks.after.size === 0 && this.#hooks === hooks) this.#hooks = undefined;
    };
    return { remove };
  }

  /** What stands between the parentheses when the module is printed. */
  extraRepr(): string {
    return '';
  }

  /** The module as PyTorch prints it. */
  toString(): string {
    const children = this.namedChildren().map(
      ([name, child]) => `(${name}): ${indentRest(child.toString())}`,
    );
    return moduleRepr(this.constructor.name, this.extraRepr(), children);
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}
