import { checkOptions, checkPositions, describeValue } from '../options.ts';
import { isTensor, Tensor } from '../tensor/index.ts';
import { pythonFloat, pythonRepr } from './module/repr.ts';

export { checkTensor } from '../tensor/check-tensor.ts';

/** One argument of a layer or function: what it may be, what it is when left out, how Python prints it. */
export interface Argument<T> {
  /** Taken when the argument is left out; undefined where torch requires it. */
  readonly fallback: T | undefined;
  /** The argument before it whose value is taken when this one is left out or null. */
  readonly sameAs?: string;
  /** Given by name only, as flags are. */
  readonly byName: boolean;
  /** The value of what is given. Throws unless it is one of its values. */
  read(owner: string, name: string, value: unknown): T;
  print(value: T): string;
}

/** The arguments of one layer or function, in torch's order. */
export type Arguments<A> = { readonly [K in keyof A]-?: Argument<A[K]> };

/** Refuses a value: a TypeError where even its kind is wrong. */
export function refuse(
  owner: string,
  name: string,
  expected: string,
  value: unknown,
  rightKind: boolean,
): never {
  const got = Array.isArray(value) ? `[${value.map(describeValue).join(', ')}]` : describeValue(value);
  const text = `Expected ${expected} for ${owner} ${name}, got ${got}`;
  throw rightKind ? new RangeError(text) : new TypeError(text);
}

/** An argument of one kind; `isValue` tells its values among what is of that kind. */
export function argument<T>(
  fallback: T | undefined,
  expected: string,
  isKind: (value: unknown) => boolean,
  isValue: (value: T) => boolean,
  print: (value: T) => string,
): Argument<T> {
  return {
    fallback,
    byName: false,
    read(owner, name, value) {
      if (!isKind(value)) refuse(owner, name, expected, value, false);
      if (!isValue(value as T)) refuse(owner, name, expected, value, true);
      return value as T;
    },
    print,
  };
}

const isNumber = (value: unknown): boolean => typeof value === 'number';

/** A number that Python holds as a float. */
export function real(fallback?: number): Argument<number> {
  return argument(fallback, 'a number', isNumber, () => true, pythonFloat);
}

/** A number within bounds, both included. */
export function realWithin(least: number, most: number, what: string, fallback?: number): Argument<number> {
  const isValue = (value: number): boolean => value >= least && value <= most;
  return argument(fallback, `${what} from ${least} to ${most}`, isNumber, isValue, pythonFloat);
}

/** A whole number of at least `least`. */
export function whole(least: number, fallback?: number): Argument<number> {
  const isValue = (value: number): boolean => Number.isInteger(value) && value >= least;
  return argument(fallback, `a whole number of at least ${least}`, isNumber, isValue, pythonRepr);
}

/** A whole number within bounds, both included. */
export function wholeWithin(least: number, most: number, fallback?: number): Argument<number> {
  const isValue = (value: number): boolean => Number.isInteger(value) && value >= least && value <= most;
  return argument(fallback, `a whole number from ${least} to ${most}`, isNumber, isValue, pythonRepr);
}

/** The number of a dimension; negative ones count from the last. */
export function dimension(fallback?: number): Argument<number> {
  return argument(fallback, 'the number of a dimension', isNumber, Number.isInteger, pythonRepr);
}

/** A switch, given by name. */
export function flag(fallback = false): Argument<boolean> {
  const isKind = (value: unknown): boolean => typeof value === 'boolean';
  return named(argument(fallback, 'a boolean', isKind, () => true, pythonRepr));
}

/** One of some texts. */
export function choice<T extends string>(values: readonly T[], fallback?: T): Argument<T> {
  const expected = values.map((value) => `"${value}"`).join(values.length === 2 ? ' or ' : ', ');
  const isKind = (value: unknown): boolean => typeof value === 'string';
  return argument<T>(
    fallback,
    expected,
    isKind,
    (value) => values.includes(value),
    (value) => `'${value}'`,
  );
}

/** A tensor, or null, which it is when left out. */
export function maybeTensor(): Argument<Tensor | null> {
  return optional(
    argument<Tensor>(
      undefined,
      'a Tensor or null',
      isTensor,
      () => true,
      () => 'Tensor',
    ),
  );
}

/**
 * Checks options that are read one by one, by a table of what each may be. Undefined stands for none.
 *
 * @throws TypeError or RangeError naming the option.
 */
export function checkNamed(
  owner: string,
  options: object,
  list: Readonly<Record<string, Argument<unknown>>>,
): void {
  checkOptions(owner, options, Object.keys(list));
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined) list[name]?.read(owner, name, value);
  }
}

/** An argument that others check. */
export function unchecked<T>(fallback: T): Argument<T> {
  return { fallback, byName: true, read: (_owner, _name, value) => value as T, print: String };
}

/** The same argument, or null, which it is when left out. */
export function optional<T>(of: Argument<T>): Argument<T | null> {
  return {
    fallback: null,
    byName: of.byName,
    read: (owner, name, value) => (value === null ? null : of.read(owner, name, value)),
    print: (value) => (value === null ? 'None' : of.print(value)),
  };
}

/** The same argument, given by name alone. */
export function named<T>(of: Argument<T>): Argument<T> {
  return { ...of, byName: true };
}

/** The same argument, with the value of another where it is left out or null. */
export function sameAs<T>(other: string, of: Argument<T>): Argument<T> {
  return { ...of, fallback: undefined, sameAs: other, byName: true };
}

/** Options stand last: an object that is no list and no tensor. */
function isOptions(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Tensor);
}

const isRequired = (of: Argument<unknown>): boolean => of.fallback === undefined && of.sameAs === undefined;

function onlyOne(owner: string, name: string, positional: unknown, option: unknown): unknown {
  if (positional === undefined) return option;
  if (option === undefined) return positional;
  throw new TypeError(`Expected ${name} once for ${owner}, got it in its place and among the options`);
}

/** The value of an argument, given or not. */
function settle(
  owner: string,
  name: string,
  of: Argument<unknown>,
  value: unknown,
  before: Readonly<Record<string, unknown>>,
): unknown {
  if (of.sameAs !== undefined && (value === undefined || value === null)) return before[of.sameAs];
  return value === undefined && of.fallback !== undefined ? of.fallback : of.read(owner, name, value);
}

/**
 * Reads what a layer or function is given. What torch requires stands in its order; where torch requires nothing, all
 * but the switches may. An object in the last place has the rest by name.
 */
export class Signature<A extends object> {
  readonly list: Arguments<A>;
  readonly positions: readonly (keyof A & string)[];
  /** What may be given by name. */
  readonly #named: readonly string[];

  /** @param positions Those that may stand in order, where the rule above is not torch's use. */
  constructor(list: Arguments<A>, positions?: readonly (keyof A & string)[]) {
    this.list = list;
    const names = Object.keys(list) as (keyof A & string)[];
    const required = names.filter((name) => isRequired(list[name]));
    this.positions =
      positions ?? (required.length > 0 ? required : names.filter((name) => !list[name].byName));
    this.#named = names.filter((name) => !required.includes(name));
  }

  /** Every argument with its value. */
  read(owner: string, given: ArrayLike<unknown>): A {
    const { positions } = this;
    let count = 0;
    while (count < positions.length && count < given.length && !isOptions(given[count])) count++;
    checkPositions(owner, given, count + (this.#named.length > 0 ? 1 : 0));
    const options = (given[count] ?? {}) as Record<string, unknown>;
    if (count < given.length) checkOptions(owner, options, this.#named);
    return this.#resolve(owner, given, count, options);
  }

  #resolve(owner: string, given: ArrayLike<unknown>, count: number, options: Record<string, unknown>): A {
    const values: Record<string, unknown> = {};
    for (const name of Object.keys(this.list) as (keyof A & string)[]) {
      const place = this.positions.indexOf(name);
      const value = onlyOne(
        owner,
        name,
        place >= 0 && place < count ? given[place] : undefined,
        options[name],
      );
      values[name] = settle(owner, name, this.list[name], value, values);
    }
    return values as A;
  }

  /** `name=value` of some arguments, with the names and in the spelling of Python. */
  print(values: A, names: readonly (keyof A & string)[]): string {
    return names.map((name) => `${snakeCase(name)}=${this.list[name].print(values[name])}`).join(', ');
  }
}

/** `negativeSlope` as Python writes it: `negative_slope`. */
function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** What a layer or function takes: its positions, then the options, which may follow the last one that torch requires. */
export type Call<P extends unknown[], O> = [keyof O] extends [never] ? P : WithOptions<P, O>;

type WithOptions<P extends unknown[], O> = [...positions: P, options?: O] | WithFewer<P, O>;

/** The same without the last position, where that may be left out. */
type WithFewer<P extends unknown[], O> = P extends []
  ? never
  : number extends P['length']
    ? never
    : P extends [...infer Fewer, unknown?]
      ? Fewer extends P
        ? WithOptions<Fewer, O>
        : never
      : never;
