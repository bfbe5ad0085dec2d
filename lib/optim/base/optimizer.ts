import { checkOptions } from '../../options.ts';
import { zeroGradients } from '../../tensor/gradients/grad.ts';
import { enableGrad, noGrad, scope, type Tensor } from '../../tensor/index.ts';
import { type HookHandle, HookList, type HookOptions } from './hooks.ts';
import { packState } from './pack-state.ts';
import {
  GROUP_KEYS,
  type GroupInput,
  groupsOf,
  type ParamGroup,
  type ParamsInput,
  readParams,
} from './params.ts';
import type { OptimizerState, StateLayout, StateValue } from './state.ts';
import { type AnyOptimizer, StepHooks, type StepPostHook, type StepPreHook } from './step-hooks.ts';
import { unpackState } from './unpack-state.ts';

/** Runs before `stateDict`. */
export type StateDictPreHook = (optimizer: AnyOptimizer) => void;
/** Runs after `stateDict`; what it returns, if anything, is returned in its place. */
export type StateDictPostHook = (optimizer: AnyOptimizer, state: OptimizerState) => unknown;
/** Runs before `loadStateDict`; what it returns, if anything, is loaded in its place. */
export type LoadStateDictPreHook = (optimizer: AnyOptimizer, state: unknown) => unknown;
/** Runs after `loadStateDict`. */
export type LoadStateDictPostHook = (optimizer: AnyOptimizer) => void;

/**
 * Base of the optimizers: parameter groups with options, per-parameter state, hooks, and PyTorch's state-dict layout,
 * so that training started in one language can go on in the other.
 *
 * An optimizer of your own extends it with `checkGroup`, `stateLayout` and `stepGroup`.
 */
export abstract class Optimizer<Options extends { lr: number } = { lr: number }> {
  /** Groups in order; their options may be changed between steps. */
  readonly paramGroups: ParamGroup<Options>[] = [];
  /** State such as momentum, by parameter. */
  readonly state = new Map<Tensor, Record<string, StateValue>>();
  /** What groups without an option of their own have. */
  readonly defaults: Options;
  /** Whether `step` has been called; schedulers warn when stepped before it. */
  stepped = false;
  /** Set by GradScaler while it calls `step`: what the gradients must be divided by, or null. */
  gradScale: Tensor | null = null;
  /** Set by GradScaler while it calls `step`: above 0 where the step must be left out, or null. */
  foundInf: Tensor | null = null;
  readonly #step = new StepHooks();
  readonly #beforeSave = new HookList<StateDictPreHook>();
  readonly #afterSave = new HookList<StateDictPostHook>();
  readonly #beforeLoad = new HookList<LoadStateDictPreHook>();
  readonly #afterLoad = new HookList<LoadStateDictPostHook>();

  constructor(params: ParamsInput<Options>, defaults: Options) {
    this.defaults = defaults;
    for (const group of groupsOf(this.constructor.name, params)) this.addParamGroup(group);
  }

  /** Whether `step` heeds `gradScale` and `foundInf`; GradScaler looks at the gradients itself otherwise. */
  get stepSupportsAmpScaling(): boolean {
    return false;
  }

  /** Throws TypeError or RangeError unless the options can be used. */
  protected abstract checkGroup(options: Options): void;

  /** What `state` holds for a parameter. */
  protected abstract get stateLayout(): StateLayout;

  /** Updates the parameters of a group that have a gradient. Called without autograd, in a scope. */
  protected abstract stepGroup(group: ParamGroup<Options>): void;

  /**
   * Updates every parameter that has a gradient. `closure`, if given, computes the loss and its gradients first, with
   * autograd on; its result is returned.
   */
  step(): undefined;
  step<T>(closure?: () => T): T | undefined;
  step<T>(closure?: () => T): T | undefined {
    const loss = this.#step.run(this as never, closure, (used) => this.runStep(used) as T);
    this.stepped = true;
    return loss;
  }

  /** One step between its hooks. */
  protected runStep<T>(closure: (() => T) | undefined): T | undefined {
    const loss = closure === undefined ? undefined : enableGrad(closure);
    noGrad(() =>
      scope(() => {
        for (const group of this.paramGroups) this.stepGroup(group);
      }),
    );
    return loss;
  }

  /**
   * Adds parameters, with options that differ from the optimizer's. A group may have a `name` and an `initialLr`;
   * pairs of name and parameter give it `paramNames`.
   *
   * @throws RangeError for an option that the optimizer does not have, a parameter that is no leaf, or one that is in
   *   the optimizer already; TypeError for what is no parameter.
   */
  addParamGroup(group: Partial<Options> & GroupInput): void {
    const name = this.constructor.name;
    if (typeof group !== 'object' || group === null || !('params' in group)) {
      throw new TypeError(`Expected a Tensor or { params, ... } for ${name}, got ${typeof group}`);
    }
    const { params: given, ...options } = group;
    checkOptions(`a parameter group of ${name}`, options, [...Object.keys(this.defaults), ...GROUP_KEYS]);
    const read = readParams(name, given, new Set(this.paramGroups.flatMap((other) => other.params)));
    const first = this.paramGroups[0];
    if (first !== undefined && 'paramNames' in first !== 'paramNames' in read) {
      const [have, got] = 'paramNames' in first ? ['with', 'without'] : ['without', 'with'];
      throw new RangeError(
        `Expected parameters ${have} names for ${name}, as in its first group, got some ${got}`,
      );
    }
    const full = { ...this.defaults, ...frozenLists(options), ...read } as ParamGroup<Options>;
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
    this.#beforeSave.call(this as never);
    const packed = this.packed();
    return this.#afterSave.pass(
      packed,
      (hook, now) => hook(this as never, now) as OptimizerState | undefined,
    );
  }

  /** State and options in PyTorch's layout, before the hooks see them. */
  protected packed(): OptimizerState {
    return packState(this.paramGroups, this.state);
  }

  /**
   * Restores what `stateDict()` gave, here or in Python.
   *
   * @throws RangeError if the groups do not have the same sizes, or the state is of another kind of optimizer; nothing
   * is changed then.
   */
  loadStateDict(state: unknown): void {
    const used = this.#beforeLoad.pass(state, (hook, now) => hook(this as never, now));
    unpackState(used, {
      name: this.constructor.name,
      groups: this.paramGroups,
      state: this.state,
      layout: this.stateLayout,
      options: Object.keys(this.defaults),
      checkGroup: (options) => this.checkGroup(options as Options),
    });
    this.#afterLoad.call(this as never);
  }

  /** Runs `hook` before each step; a function that it returns takes the place of the closure. */
  registerStepPreHook(hook: StepPreHook): HookHandle {
    return this.#step.before.add('registerStepPreHook', hook);
  }

  /** Runs `hook` after each step. */
  registerStepPostHook(hook: StepPostHook): HookHandle {
    return this.#step.after.add('registerStepPostHook', hook);
  }

  /** Runs `hook` before each `stateDict`. */
  registerStateDictPreHook(hook: StateDictPreHook, options?: HookOptions): HookHandle {
    return this.#beforeSave.add('registerStateDictPreHook', hook, options);
  }

  /** Runs `hook` after each `stateDict`; what it returns, if anything, is returned in its place. */
  registerStateDictPostHook(hook: StateDictPostHook, options?: HookOptions): HookHandle {
    return this.#afterSave.add('registerStateDictPostHook', hook, options);
  }

  /** Runs `hook` before each `loadStateDict`; what it returns, if anything, is loaded in its place. */
  registerLoadStateDictPreHook(hook: LoadStateDictPreHook, options?: HookOptions): HookHandle {
    return this.#beforeLoad.add('registerLoadStateDictPreHook', hook, options);
  }

  /** Runs `hook` after each `loadStateDict`. */
  registerLoadStateDictPostHook(hook: LoadStateDictPostHook, options?: HookOptions): HookHandle {
    return this.#afterLoad.add('registerLoadStateDictPostHook', hook, options);
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

/** Lists such as betas are tuples in PyTorch, which frozen arrays are saved as. */
function frozenLists<T extends object>(options: T): T {
  const frozen = Object.entries(options).map(([key, value]) => [
    key,
    Array.isArray(value) ? Object.freeze([...value]) : value,
  ]);
  return Object.fromEntries(frozen) as T;
}
