import { checkOptions } from '../options.ts';
import { zeroGradients } from '../tensor/grad.ts';
import { Tensor } from '../tensor/index.ts';
import { type OptimizerState, packState, type StateValue, unpackState } from './state.ts';

/** Parameters with the options that apply to them. */
export type ParamGroup<Options> = Options & { params: Tensor[]; initialLr?: number; name?: string };

/** What a group has besides an optimizer's options. */
const GROUP_KEYS = ['initialLr', 'name'];

/** What an optimizer takes: parameters, or groups of them, each with options of its own. */
export type ParamsInput<Options> = Iterable<Tensor> | Iterable<Partial<Options> & GroupInput>;

/** Parameters of a group, and what a group has besides options. */
export interface GroupInput {
  params: Tensor | Iterable<Tensor>;
  /** The rate that schedulers begin with; they set it themselves. */
  initialLr?: number;
  /** A name of your own, kept in the state dict. */
  name?: string;
}

/**
 * Base of the optimizers: parameter groups with options, per-parameter state, and PyTorch's state-dict layout, so
 * that training started in one language can go on in the other.
 */
export abstract class Optimizer<Options extends { lr: number } = { lr: number }> {
  /** Groups in order; their options may be changed between steps. */
  readonly paramGroups: ParamGroup<Options>[] = [];
  /** State such as momentum, by parameter. */
  readonly state = new Map<Tensor, Record<string, StateValue>>();
  /** Whether `step` has been called; schedulers warn when stepped before it. */
  stepped = false;
  /** Set by GradScaler while it calls `step`: what the gradients must be divided by, or null. */
  gradScale: Tensor | null = null;
  /** Set by GradScaler while it calls `step`: above 0 where the step must be left out, or null. */
  foundInf: Tensor | null = null;
  protected readonly defaults: Options;

  constructor(params: ParamsInput<Options>, defaults: Options) {
    this.defaults = defaults;
    const items = [...requireIterable<unknown>(this.constructor.name, params)];
    if (items.length === 0) {
      throw new RangeError(`Expected at least one parameter for ${this.constructor.name}, got an empty list`);
    }
    if (items[0] instanceof Tensor) this.addParamGroup({ params: items as Tensor[] } as never);
    else for (const group of items) this.addParamGroup(group as never);
  }

  /** Whether `step` heeds `gradScale` and `foundInf`; GradScaler looks at the gradients itself otherwise. */
  get stepSupportsAmpScaling(): boolean {
    return false;
  }

  /** Throws RangeError unless the options can be used. */
  protected abstract checkGroup(options: Options): void;

  /** PyTorch's names of what `state` holds for a parameter, such as `momentum_buffer`. */
  protected abstract get stateNames(): readonly string[];

  /** Updates every parameter that has a gradient; `closure`, if given, computes the loss first and is returned. */
  abstract step<T>(closure?: () => T): T | undefined;

  /**
   * Adds parameters, with options that differ from the optimizer's. A group may have a `name` and an `initialLr`.
   *
   * @throws RangeError for an option that the optimizer does not have.
   */
  addParamGroup(group: Partial<Options> & GroupInput): void {
    const name = this.constructor.name;
    if (typeof group !== 'object' || group === null || !('params' in group)) {
      throw new TypeError(`Expected a Tensor or { params, ... } for ${name}, got ${typeof group}`);
    }
    const { params: _, ...options } = group;
    checkOptions(`a parameter group of ${name}`, options, [...Object.keys(this.defaults), ...GROUP_KEYS]);
    const params = group.params instanceof Tensor ? [group.params] : [...requireIterable(name, group.params)];
    const taken = new Set(this.paramGroups.flatMap((other) => other.params));
    for (const [i, param] of params.entries()) {
      checkParam(name, param, i, taken);
      taken.add(param);
    }
    const full = { ...this.defaults, ...group, params } as ParamGroup<Options>;
    this.checkGroup(full);
    this.paramGroups.push(full);
  }

  /** Drops every gradient, or fills it with zeros where `setToNone` is false. */
  zeroGrad(options: { setToNone?: boolean } = {}): void {
    checkOptions(`${this.constructor.name}.zeroGrad`, options, ['setToNone']);
    for (const group of this.paramGroups) zeroGradients(group.params, options.setToNone);
  }

  /** State and options in PyTorch's layout; parameters are numbered in the order of the groups. */
  stateDict(): OptimizerState {
    return packState(this.paramGroups, this.state);
  }

  /**
   * Restores what `stateDict()` gave, here or in Python.
   *
   * @throws RangeError if the groups do not have the same sizes, or the state is of another kind of optimizer; nothing
   * is changed then.
   */
  loadStateDict(state: unknown): void {
    unpackState(state, {
      name: this.constructor.name,
      groups: this.paramGroups,
      state: this.state,
      stateNames: this.stateNames,
      options: Object.keys(this.defaults),
      checkGroup: (options) => this.checkGroup(options as Options),
    });
  }

  /** The groups and their options, as PyTorch prints them. */
  toString(): string {
    const groups = this.paramGroups.map((group, i) => {
      const lines = Object.entries(group).filter(([key]) => key !== 'params');
      return `Parameter Group ${i}\n${lines.map(([key, value]) => `    ${key}: ${String(value)}\n`).join('')}`;
    });
    return `${this.constructor.name} (\n${groups.join('\n')})`;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}

function requireIterable<T>(name: string, params: Iterable<T>): Iterable<T> {
  if (typeof params === 'object' && params !== null && Symbol.iterator in params) {
    if (!(params instanceof Tensor)) return params;
  }
  const got = params instanceof Tensor ? 'a Tensor' : typeof params;
  throw new TypeError(`Expected a list of Tensors or groups for ${name}, got ${got}`);
}

function checkParam(name: string, param: Tensor, index: number, taken: Set<Tensor>): void {
  if (!(param instanceof Tensor)) {
    throw new TypeError(`Expected a Tensor for ${name} parameter ${index}, got ${typeof param}`);
  }
  if (!param.isLeaf) {
    throw new RangeError(
      `Expected a leaf Tensor for ${name} parameter ${index}, got the result of an operation`,
    );
  }
  if (taken.has(param)) {
    throw new RangeError(`Expected each parameter once for ${name}, got parameter ${index} twice`);
  }
}
