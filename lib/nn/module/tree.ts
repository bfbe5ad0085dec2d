import { checkFlags, checkOptions, checkText } from '../../options.ts';
import { zeroGradients } from '../../tensor/gradients/grad.ts';
import { keep, Tensor } from '../../tensor/index.ts';
import type { Module } from './module.ts';
import { isParameter, type Parameter } from './parameter.ts';

/** Which members `namedParameters` and `namedBuffers` give. */
export interface MemberOptions {
  /** Those of the modules below too. Default true. */
  recurse?: boolean;
  /** Each once, under its first name. Default true. */
  removeDuplicate?: boolean;
}

/** The same for all, with the prefix by name. */
export interface NamedOptions extends MemberOptions {
  /** Begins the names. Default `''`. */
  prefix?: string;
}

/** The prefix and the options, which may stand alone: `namedParameters({ prefix: 'm' })`. */
function prefixed(
  owner: string,
  first: string | NamedOptions,
  second: MemberOptions,
  known: readonly string[],
): [prefix: string, options: MemberOptions] {
  const isAlone = typeof first === 'object' && first !== null;
  const { prefix = '', ...options } = isAlone ? first : { ...second, prefix: first };
  checkText(owner, 'a prefix', prefix);
  checkOptions(owner, options, isAlone ? ['prefix', ...known] : known);
  checkFlags(owner, { ...options });
  return [prefix, options];
}

const memberOf = (owner: object, name: string): unknown => Reflect.get(owner, name);

/** As an assignment does: a setter that throws is heard. */
function assignTo(owner: object, name: string, value: unknown): void {
  (owner as Record<string, unknown>)[name] = value;
}

/** Every tree of modules is one: Module is the only class that extends ModuleTree. */
const asModule = (tree: ModuleTree): Module => tree as Module;

/** What a module has: parameters, buffers and submodules, their names, and what is done with all of them. */
export abstract class ModuleTree {
  training = true;
  /** Buffer names in order of registration, with whether they are saved. */
  readonly #buffers = new Map<string, boolean>();

  /** Makes `name` a buffer: saved with the module (unless `persistent: false`), never trained. */
  registerBuffer(name: string, tensor: Tensor | null, options: { persistent?: boolean } = {}): void {
    this.#checkName('buffer', name);
    checkOptions('registerBuffer', options, ['persistent']);
    if (tensor !== null && !(tensor instanceof Tensor)) {
      throw new TypeError(`Expected a Tensor or null for buffer "${name}", got ${typeof tensor}`);
    }
    this.#buffers.set(name, options.persistent ?? true);
    assignTo(this, name, tensor === null ? null : keep(tensor));
  }

  /** The same as assigning to `this[name]`; `null` holds the place of a parameter that is switched off. */
  registerParameter(name: string, parameter: Parameter | null): void {
    this.#checkName('parameter', name);
    if (parameter !== null && !isParameter(parameter)) {
      throw new TypeError(
        `Expected a Parameter or null for parameter "${name}", got ${typeof parameter}; wrap a Tensor in new nn.Parameter(tensor)`,
      );
    }
    assignTo(this, name, parameter);
  }

  /** The same as assigning to `this[name]`. */
  registerModule(name: string, module: Module | null): void {
    this.#checkName('module', name);
    if (module !== null && !(module instanceof ModuleTree)) {
      throw new TypeError(`Expected a Module or null for module "${name}", got ${typeof module}`);
    }
    assignTo(this, name, module);
  }

  #checkName(kind: string, name: string): void {
    if (name === '' || name.includes('.')) {
      throw new RangeError(`Expected a name without dots for a ${kind}, got "${name}"`);
    }
    const current = memberOf(this, name) ?? null;
    if (current !== null && !(current instanceof Tensor) && !(current instanceof ModuleTree)) {
      throw new RangeError(
        `Expected a free name for a ${kind}, got "${name}", which the module already uses`,
      );
    }
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
      const value = memberOf(this, name);
      if (value instanceof Tensor && (persistent || !options.persistentOnly)) found.push([name, value]);
    }
    return found;
  }

  /** Direct children by name; a module under two names appears twice. */
  namedChildren(): [string, Module][] {
    return Object.entries(this).filter((entry): entry is [string, Module] => entry[1] instanceof ModuleTree);
  }

  /** Direct children. */
  children(): Module[] {
    return this.namedChildren().map(([, module]) => module);
  }

  /**
   * This module and all below it, by dotted name; itself under `prefix`.
   *
   * @param first The prefix, or the options with `prefix` among them.
   * @param second `removeDuplicate`, default true: each once; false names a module in several places several times.
   */
  namedModules(
    first: string | Omit<NamedOptions, 'recurse'> = '',
    second: { removeDuplicate?: boolean } = {},
  ): [string, Module][] {
    const [prefix, { removeDuplicate = true }] = prefixed('namedModules', first, second, ['removeDuplicate']);
    const seen = new Set<Module>();
    const found: [string, Module][] = [];
    const visit = (module: Module, name: string): void => {
      if (removeDuplicate && seen.has(module)) return;
      seen.add(module);
      found.push([name, module]);
      for (const [child, value] of module.namedChildren())
        visit(value, name === '' ? child : `${name}.${child}`);
    };
    visit(asModule(this), prefix);
    return found;
  }

  /** This module and all below it, each once. */
  modules(): Module[] {
    return this.namedModules().map(([, module]) => module);
  }

  /** Parameters by dotted name, behind a prefix. */
  namedParameters(first: string | NamedOptions = '', second: MemberOptions = {}): [string, Parameter][] {
    const [prefix, options] = prefixed('namedParameters', first, second, ['recurse', 'removeDuplicate']);
    return this.#named(prefix, options, (module) => module.ownParameters());
  }

  /** Parameters, each once, in the order of `namedParameters()`. */
  parameters(options: { recurse?: boolean } = {}): Parameter[] {
    return this.namedParameters('', options).map(([, parameter]) => parameter);
  }

  /** Buffers by dotted name, behind a prefix, including those that are not saved. */
  namedBuffers(first: string | NamedOptions = '', second: MemberOptions = {}): [string, Tensor][] {
    const [prefix, options] = prefixed('namedBuffers', first, second, ['recurse', 'removeDuplicate']);
    return this.#named(prefix, options, (module) => module.ownBuffers());
  }

  /** Buffers, each once. */
  buffers(options: { recurse?: boolean } = {}): Tensor[] {
    return this.namedBuffers('', options).map(([, buffer]) => buffer);
  }

  #named<T>(
    prefix: string,
    options: MemberOptions,
    members: (module: Module) => [string, T][],
  ): [string, T][] {
    const { recurse = true, removeDuplicate = true } = options;
    const seen = new Set<T>();
    const found: [string, T][] = [];
    const owners = recurse
      ? this.namedModules(prefix, { removeDuplicate })
      : [[prefix, asModule(this)] as const];
    for (const [path, module] of owners) {
      for (const [name, member] of members(module)) {
        if (removeDuplicate && seen.has(member)) continue;
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
    let module = asModule(this);
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

  /**
   * Puts `module` at a dotted path.
   *
   * @param options `strict`, default false: refuse a path at which no module is yet.
   * @throws RangeError for a path whose parent does not exist.
   * @example model.setSubmodule('layer4.1.relu', new nn.GELU());
   */
  setSubmodule(path: string, module: Module, options: { strict?: boolean } = {}): void {
    checkOptions('setSubmodule', options, ['strict']);
    if (path === '') throw new RangeError('Expected the path of a submodule for setSubmodule, got ""');
    if (options.strict) this.getSubmodule(path);
    const [parent, name] = this.#parentOf(path);
    const isNew = !parent.namedChildren().some(([child]) => child === name);
    if (isNew && name in parent && memberOf(parent, name) !== null) {
      throw new RangeError(
        `${parent.constructor.name} has "${name}", which is no submodule (path "${path}")`,
      );
    }
    parent.registerModule(name, module);
  }

  /** The parameter at a dotted path, such as `'layer1.0.weight'`. @throws RangeError where there is none. */
  getParameter(path: string): Parameter {
    return this.#member(path, 'parameter', (owner) => owner.ownParameters());
  }

  /** The buffer at a dotted path, such as `'bn1.running_mean'`. @throws RangeError where there is none. */
  getBuffer(path: string): Tensor {
    return this.#member(path, 'buffer', (owner) => owner.ownBuffers());
  }

  #member<T>(path: string, kind: string, members: (owner: Module) => [string, T][]): T {
    const [owner, name] = this.#parentOf(path);
    const found = members(owner);
    const member = found.find(([key]) => key === name);
    if (member !== undefined) return member[1];
    const has = found.length > 0 ? `it has ${found.map(([key]) => key).join(', ')}` : 'it has none';
    throw new RangeError(`${owner.constructor.name} has no ${kind} "${name}" (path "${path}"); ${has}`);
  }

  #parentOf(path: string): [Module, string] {
    const dot = path.lastIndexOf('.');
    return [this.getSubmodule(dot < 0 ? '' : path.slice(0, dot)), path.slice(dot + 1)];
  }

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
    fn(asModule(this));
    return this;
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

  /** Registers the buffers of `from`, whose tensors come by assignment. */
  protected copyRegistrations(from: ModuleTree): void {
    for (const [name, isSaved] of from.#buffers) this.#buffers.set(name, isSaved);
  }

  /**
   * Lets go of a name: a parameter or buffer that something else computes from now on.
   *
   * @internal
   */
  forget(name: string): void {
    this.#buffers.delete(name);
    Reflect.deleteProperty(this, name);
  }
}
