import { inspect } from 'node:util';

/** What an `InertObject` was given in the file. */
export interface InertFields {
  readonly args: readonly unknown[];
  readonly keywords?: unknown;
  readonly state?: unknown;
  readonly items?: readonly unknown[] | undefined;
  readonly entries?: ReadonlyMap<unknown, unknown> | undefined;
  readonly value?: unknown;
}

type Custom = (
  depth: number,
  options: object,
  inspect: (value: unknown, options?: object) => string,
) => string;

/**
 * A Python object of a class that is not read as data, described: its class, what its constructor was given and its
 * state. It is frozen and does nothing; no line of the class's code was run or looked for.
 *
 * @example
 * const { optimizer_hook } = load<{ optimizer_hook: checkpoint.InertObject }>('checkpoint.pth');
 * optimizer_hook.className; // 'mypackage.hooks.Clip'
 * optimizer_hook.state; // { max_norm: 5 }
 */
export class InertObject {
  /** Module and qualified name, such as `pathlib.PosixPath`. */
  readonly className: string;
  /** What the constructor was given, a frozen array. */
  readonly args: readonly unknown[];
  /** Arguments by name, if there were any. */
  readonly keywords: unknown;
  /** Its attributes, mostly an object without a prototype; undefined if the file has none. */
  readonly state: unknown;
  /** The items of a subclass of list. */
  readonly items: readonly unknown[] | undefined;
  /** The entries of a subclass of dict. */
  readonly entries: ReadonlyMap<unknown, unknown> | undefined;
  /** What it stands for, where that is known: the text of a path, a date in ISO 8601, a Decimal's digits. */
  readonly value: unknown;

  /** `fill` gets the object before it is complete, as its state may hold it again. */
  constructor(className: string, fill: (self: InertObject) => InertFields) {
    this.className = className;
    const { args, keywords, state, items, entries, value } = fill(this);
    this.args = args;
    this.keywords = keywords;
    this.state = state;
    this.items = items;
    this.entries = entries;
    this.value = value;
    Object.freeze(this);
  }

  [inspect.custom](...[depth, options, show]: Parameters<Custom>): string {
    if (depth < 0) return `[${this.className}]`;
    const inner = { ...options, depth: depth === null ? null : depth - 1 };
    if (this.value !== undefined) return `${this.className}(${show(this.value, inner)})`;
    const call = `${this.className}(${this.args.map((arg) => show(arg, inner)).join(', ')})`;
    const parts = [this.keywords, this.items, this.entries, this.state].filter((part) => part !== undefined);
    return [call, ...parts.map((part) => show(part, inner))].join(' ');
  }
}

/**
 * The name of a Python class or function that a file refers to as a value, such as a callback's class. It is frozen and
 * nothing can be called through it; equal names in a file are one object.
 */
export class InertGlobal {
  /** Module and qualified name, such as `torch.optim.sgd.SGD`. */
  readonly name: string;

  constructor(name: string) {
    this.name = name;
    Object.freeze(this);
  }

  [inspect.custom](): string {
    return `<${this.name}>`;
  }
}
