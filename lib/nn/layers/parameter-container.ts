import { checkIterable, checkPositions, describeValue } from '../../options.ts';
import { keep, Tensor } from '../../tensor/index.ts';
import type { Cloner } from '../module/clone.ts';
import { Module } from '../module/module.ts';
import { isParameter, Parameter } from '../module/parameter.ts';

/** Parameters by name, in order; the common part. A name is a property too: `list[0]`, `dict.scale`. */
abstract class ParameterContainer extends Module {
  /** Entries by index, as `container[0]`. */
  [index: number]: Parameter;
  /** Its own table, since integer-like property names would not keep their order. */
  readonly #entries = new Map<string, Parameter>();

  protected setEntry(name: string, value: Tensor): void {
    const what = this.constructor.name;
    if (!(value instanceof Tensor)) {
      throw new TypeError(`Expected a Tensor for ${what} entry "${name}", got ${typeof value}`);
    }
    if (name === '' || name.includes('.')) {
      throw new RangeError(`Expected a name without dots for a ${what} entry, got "${name}"`);
    }
    if (!this.#entries.has(name) && name in this) {
      throw new RangeError(
        `Expected a free name for a ${what} entry, got "${name}", which the module already uses`,
      );
    }
    this.#entries.set(name, isParameter(value) ? keep(value) : new Parameter(value));
    if (name in this) return;
    Object.defineProperty(this, name, {
      get: () => this.#entries.get(name),
      set: (next: Tensor) => this.setEntry(name, next),
      configurable: true,
      enumerable: false,
    });
  }

  protected deleteEntry(name: string): boolean {
    if (this.#entries.has(name)) Reflect.deleteProperty(this, name);
    return this.#entries.delete(name);
  }

  protected entry(name: string): Parameter | undefined {
    return this.#entries.get(name);
  }

  /** Names and parameters, in order. */
  entries(): [string, Parameter][] {
    return [...this.#entries];
  }

  /** Number of parameters. */
  get length(): number {
    return this.#entries.size;
  }

  override ownParameters(): [string, Parameter][] {
    return [...this.#entries, ...super.ownParameters()];
  }

  override registerParameter(name: string, parameter: Parameter | null): void {
    if (parameter === null) this.deleteEntry(name);
    else this.setEntry(name, parameter);
  }

  /** @internal */
  override copyInto(cloner: Cloner): Module {
    const copy = super.copyInto(cloner) as ParameterContainer;
    for (const [name, parameter] of this.#entries) copy.setEntry(name, cloner.copy(parameter));
    return copy;
  }

  protected override emptyCopy(): Module {
    return Reflect.construct(
      ParameterContainer as unknown as new () => Module,
      [],
      this.constructor,
    ) as Module;
  }

  forward(): never {
    throw new TypeError(`${this.constructor.name} has no forward; use its parameters`);
  }

  override extraRepr(): string {
    return this.entries()
      .map(([name, parameter]) => `  (${name}): Parameter containing: [${this.described(parameter)}]`)
      .join('\n');
  }

  /** How the container's entries are printed. */
  protected abstract described(parameter: Parameter): string;
}

const sizeOf = ({ shape, device, isCuda }: Tensor): string =>
  `of size ${shape.join('x')}${isCuda ? ` (${device})` : ''}`;

/** Names that torch prints for tensors of a dtype. */
const TYPE_NAMES: Readonly<Record<string, string>> = {
  float32: 'FloatTensor',
  float64: 'DoubleTensor',
  float16: 'HalfTensor',
  bfloat16: 'BFloat16Tensor',
  complex64: 'ComplexFloatTensor',
  complex128: 'ComplexDoubleTensor',
};

/** As torch takes a plain dict: by name. */
function sortedEntries(parameters: object): [string, Tensor][] {
  return Object.entries(parameters).sort(([a], [b]) => (a < b ? -1 : 1));
}

/**
 * A list of parameters that your own forward uses. Tensors become parameters.
 *
 * @example
 * this.scales = new nn.ParameterList([ones([3]), ones([4])]);
 */
export class ParameterList extends ParameterContainer {
  constructor(values: Iterable<Tensor> = []) {
    checkPositions('ParameterList', arguments, 1);
    super();
    this.extend(values);
  }

  /** Adds a parameter at the end. */
  append(value: Tensor): this {
    this.setEntry(String(this.length), value);
    return this;
  }

  /** Adds several at the end. */
  extend(values: Iterable<Tensor>): this {
    checkIterable('ParameterList', 'an array of Tensors', values);
    if (typeof values !== 'object' || values === null || values instanceof Tensor) {
      throw new TypeError('Expected a list of Tensors for ParameterList, got something else');
    }
    for (const value of values) this.append(value);
    return this;
  }

  /** The parameter at an index; negative ones count from the end. */
  get(index: number): Parameter {
    return this.entry(this.nameAt(index)) as Parameter;
  }

  /** Puts another parameter in the place of one. */
  set(index: number, value: Tensor): this {
    this.setEntry(this.nameAt(index), value);
    return this;
  }

  private nameAt(index: number): string {
    const at = index < 0 ? index + this.length : index;
    if (Number.isInteger(at) && at >= 0 && at < this.length) return String(at);
    throw new RangeError(`Expected an index of ParameterList from 0 to ${this.length - 1}, got ${index}`);
  }

  /** The parameters, in order. */
  [Symbol.iterator](): Iterator<Parameter> {
    return this.entries()
      .map(([, parameter]) => parameter)
      .values();
  }

  protected described(parameter: Parameter): string {
    return `torch.${parameter.dtype} ${sizeOf(parameter)}`;
  }
}

/**
 * Parameters by name that your own forward uses. Tensors become parameters. As in torch, those of an object are sorted by
 * name, those of pairs and Maps keep their order.
 *
 * @example
 * this.scales = new nn.ParameterDict({ id: ones([3]), camera: ones([4]) });
 */
export class ParameterDict extends ParameterContainer {
  constructor(parameters: Readonly<Record<string, Tensor>> | Iterable<readonly [string, Tensor]> = {}) {
    checkPositions('ParameterDict', arguments, 1);
    super();
    this.update(parameters);
  }

  /** Adds or replaces several. */
  update(parameters: Readonly<Record<string, Tensor>> | Iterable<readonly [string, Tensor]>): this {
    if (typeof parameters !== 'object' || parameters === null || parameters instanceof Tensor) {
      throw new TypeError(
        'Expected an object or pairs of names and Tensors for ParameterDict, got something else',
      );
    }
    const pairs = Symbol.iterator in parameters ? parameters : sortedEntries(parameters);
    for (const pair of pairs as Iterable<unknown>) {
      if (!Array.isArray(pair) || pair.length !== 2)
        throw new TypeError(
          `Expected pairs of a name and a Tensor for ParameterDict, got ${describeValue(pair)}`,
        );
      this.setEntry(pair[0], pair[1]);
    }
    return this;
  }

  /** The parameter under a name, or undefined. */
  get(name: string): Parameter | undefined {
    return this.entry(name);
  }

  /** Adds or replaces a parameter. */
  set(name: string, value: Tensor): this {
    this.setEntry(name, value);
    return this;
  }

  /** Whether there is a parameter under the name. */
  has(name: string): boolean {
    return this.entry(name) !== undefined;
  }

  /** Takes a parameter out. */
  delete(name: string): boolean {
    return this.deleteEntry(name);
  }

  /** Names, in order. */
  keys(): string[] {
    return this.entries().map(([name]) => name);
  }

  /** Names and parameters, in order. */
  [Symbol.iterator](): Iterator<[string, Parameter]> {
    return this.entries().values();
  }

  protected described(parameter: Parameter): string {
    const type = TYPE_NAMES[parameter.dtype] ?? parameter.dtype;
    return `torch.${parameter.isCuda ? 'cuda.' : ''}${type} ${sizeOf(parameter)}`;
  }
}
