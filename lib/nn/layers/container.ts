import { checkIterable, checkPositions, describeValue } from '../../options.ts';
import type { Tensor } from '../../tensor/index.ts';
import { temporaries } from '../../tensor/scope.ts';
import { call, forwardThenRelease } from '../forward-then-release.ts';
import type { Cloner } from '../module/clone.ts';
import { Module } from '../module/module.ts';
import { indentRest, moduleRepr } from '../module/repr.ts';

/** Modules by name, in order; the common part of the containers. */
abstract class Container extends Module {
  /** Entries by index, as `container[0]`. */
  [index: number]: Module;
  /** Its own table, since integer-like property names would not keep their order. */
  readonly #entries = new Map<string, Module>();

  protected setChild(name: string, module: Module): void {
    if (!(module instanceof Module)) {
      throw new TypeError(
        `Expected a Module for ${this.constructor.name} entry "${name}", got ${typeof module}`,
      );
    }
    if (name === '' || name.includes('.')) {
      throw new RangeError(
        `Expected a name without dots for a ${this.constructor.name} entry, got "${name}"`,
      );
    }
    this.#entries.set(name, module);
    if (name in this) return;
    Object.defineProperty(this, name, {
      get: () => this.#entries.get(name),
      set: (value: Module) => this.setChild(name, value),
      configurable: true,
      enumerable: false,
    });
  }

  protected deleteChild(name: string): boolean {
    if (Object.getOwnPropertyDescriptor(this, name)?.get) delete (this as Record<string, unknown>)[name];
    return this.#entries.delete(name);
  }

  protected child(name: string): Module | undefined {
    return this.#entries.get(name);
  }

  /** Number of entries. */
  get length(): number {
    return this.#entries.size;
  }

  override namedChildren(): [string, Module][] {
    return [...this.#entries, ...super.namedChildren()];
  }

  override registerModule(name: string, module: Module | null): void {
    if (module === null) this.deleteChild(name);
    else this.setChild(name, module);
  }

  /** @internal */
  override copyInto(cloner: Cloner): Module {
    const copy = super.copyInto(cloner) as Container;
    for (const [name, module] of this.#entries) copy.setChild(name, cloner.copy(module));
    return copy;
  }

  protected override emptyCopy(): Module {
    return Reflect.construct(Container as unknown as new () => Module, [], this.constructor) as Module;
  }

  /** The modules, in order. */
  [Symbol.iterator](): Iterator<Module> {
    return this.#entries.values();
  }
}

/** Position `index` of `length` entries; negative ones count from the end. */
function position(owner: Module, index: number, length: number): number {
  const at = index < 0 ? index + length : index;
  if (Number.isInteger(at) && at >= 0 && at < length) return at;
  throw new RangeError(
    `Expected an index of ${owner.constructor.name} from 0 to ${length - 1}, got ${index}`,
  );
}

/**
 * Runs its modules one after the other.
 *
 * @example
 * new nn.Sequential(new nn.Conv2d(1, 8, 3), new nn.ReLU());
 * new nn.Sequential({ conv0: new nn.Conv2d(1, 8, 3), relu0: new nn.ReLU() }).get('conv0');
 */
export class Sequential extends Container {
  /** @param modules The modules, or one object or list of pairs that names them. */
  constructor(
    ...modules: Module[] | [Readonly<Record<string, Module>> | Iterable<readonly [string, Module]>]
  ) {
    super();
    for (const [name, module] of namedEntries(modules)) this.setChild(name, module);
  }

  forward(x: Tensor): Tensor {
    checkPositions(this.constructor.name, arguments, 1);
    return temporaries(() => {
      let output = x;
      for (const module of this) output = output === x ? call(module, x) : forwardThenRelease(module, output);
      return output;
    });
  }

  /** The module at an index (negative from the end) or under a name. */
  get(key: number | string): Module {
    return lookUp(this, key);
  }

  /** Adds a module at the end, under its index or the given name. */
  add(module: Module, name = String(this.length)): this {
    this.setChild(name, module);
    return this;
  }

  /** Puts another module in the place of one. */
  set(key: number | string, module: Module): this {
    this.setChild(nameOf(this, key), module);
    return this;
  }
}

function namedEntries(
  modules: Module[] | [Readonly<Record<string, Module>> | Iterable<readonly [string, Module]>],
): Iterable<readonly [string, Module]> {
  const [first] = modules;
  if (modules.length !== 1 || first === undefined || first instanceof Module) {
    return (modules as Module[]).map((module, i) => [String(i), module] as const);
  }
  if (typeof first !== 'object' || first === null) {
    throw new TypeError(`Expected modules, or one object or list that names them, got ${String(first)}`);
  }
  if (Symbol.iterator in first) return [...(first as Iterable<unknown>)].map(pairOf);
  return Object.entries(first as Record<string, Module>);
}

function pairOf(pair: unknown): readonly [string, Module] {
  if (Array.isArray(pair) && pair.length === 2 && typeof pair[0] === 'string')
    return pair as [string, Module];
  throw new TypeError(
    `Expected pairs of a name and a Module, got ${describeValue(pair)}; one module needs no list`,
  );
}

function nameOf(container: Sequential | ModuleList, key: number | string): string {
  const names = container.namedChildren().map(([name]) => name);
  if (typeof key === 'number') return names[position(container, key, names.length)] as string;
  if (names.includes(key)) return key;
  const what = container.constructor.name;
  throw new RangeError(
    `Expected the name of a module in ${what}, got "${key}"; it has ${names.join(', ') || 'none'}`,
  );
}

function lookUp(container: Sequential | ModuleList, key: number | string): Module {
  return container.getSubmodule(nameOf(container, key));
}

/**
 * A list of modules that your own forward uses.
 *
 * @example
 * this.heads = new nn.ModuleList([new nn.Linear(8, 2), new nn.Linear(8, 3)]);
 */
export class ModuleList extends Container {
  constructor(modules: Iterable<Module> = []) {
    checkPositions('ModuleList', arguments, 1);
    super();
    checkIterable('ModuleList', 'an array of Modules', modules);
    for (const module of modules) this.append(module);
  }

  /** Adds a module at the end. */
  append(module: Module): this {
    this.setChild(String(this.length), module);
    return this;
  }

  /** The module at an index; negative ones count from the end. */
  get(index: number): Module {
    return lookUp(this, index);
  }

  /** Puts another module in the place of one. */
  set(index: number, module: Module): this {
    this.setChild(nameOf(this, index), module);
    return this;
  }

  forward(): never {
    throw new TypeError('ModuleList has no forward; call its modules');
  }

  /** Equal neighbours are printed once, with their number. */
  override toString(): string {
    const groups: { first: number; last: number; text: string }[] = [];
    for (const [i, module] of this.children().entries()) {
      const text = module.toString();
      const previous = groups.at(-1);
      if (previous?.text === text) previous.last = i;
      else groups.push({ first: i, last: i, text });
    }
    const lines = groups.map(({ first, last, text }) => {
      const many = `(${first}-${last}): ${last - first + 1} x ${text}`;
      return indentRest(first === last ? `(${first}): ${text}` : many);
    });
    return moduleRepr(this.constructor.name, this.extraRepr(), lines);
  }
}

/**
 * Modules by name that your own forward uses.
 *
 * @example
 * this.heads = new nn.ModuleDict({ id: new nn.Linear(8, 751), camera: new nn.Linear(8, 6) });
 */
export class ModuleDict extends Container {
  constructor(modules: Readonly<Record<string, Module>> | Iterable<readonly [string, Module]> = {}) {
    checkPositions('ModuleDict', arguments, 1);
    super();
    for (const [name, module] of namedEntries([modules])) this.setChild(name, module);
  }

  /** The module under a name, or undefined. */
  get(name: string): Module | undefined {
    return this.child(name);
  }

  /** Adds or replaces a module. */
  set(name: string, module: Module): this {
    this.setChild(name, module);
    return this;
  }

  /** Whether there is a module under the name. */
  has(name: string): boolean {
    return this.child(name) !== undefined;
  }

  /** Takes a module out. */
  delete(name: string): boolean {
    return this.deleteChild(name);
  }

  forward(): never {
    throw new TypeError('ModuleDict has no forward; call its modules');
  }
}
