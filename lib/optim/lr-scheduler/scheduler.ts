import { describeValue } from '../../options.ts';
import { Optimizer } from '../base/optimizer.ts';
import type { AnyOptimizer } from '../base/step-hooks.ts';
import { type Demand, demanded, FINITE, LAST_EPOCH } from '../checks.ts';

/** A parameter group as schedulers see it: they may add numbers of their own, such as `maxLr`. */
export type Group = { lr: number; initialLr?: number } & Record<string, unknown>;

/** An entry of a scheduler's state: PyTorch's key, the property here, and what a saved value must be. */
export type Field = readonly [key: string, property: string, demand: Demand];

/** A state dict as `load()` gives it. */
export type SavedState = ReadonlyMap<string, unknown> | Readonly<Record<string, unknown>>;

/** Options that every scheduler has. */
export interface SchedulerOptions {
  /** Epochs already done, when training goes on; the groups need `initialLr` then. Default -1. */
  lastEpoch?: number;
}

/** Base of all that sets learning rates: the optimizer, the rates set last, and state dicts. */
export abstract class Scheduler {
  readonly optimizer: AnyOptimizer;
  lastEpoch: number;
  protected lastLr: number[] = [];

  constructor(optimizer: AnyOptimizer, lastEpoch: number) {
    const name = new.target.name;
    checkOptimizer(name, optimizer);
    this.optimizer = optimizer;
    this.lastEpoch = demanded(name, 'lastEpoch', lastEpoch, LAST_EPOCH);
  }

  protected get groups(): Group[] {
    return this.optimizer.paramGroups as unknown as Group[];
  }

  /** Notes the rates that the groups have. */
  protected noteRates(): void {
    this.lastLr = this.groups.map((group) => group.lr);
  }

  /** The rates set last, by group. */
  getLastLr(): number[] {
    return [...this.lastLr];
  }

  /** What the state has besides the epoch and the rates. */
  protected abstract get fields(): readonly Field[];

  /** The state in PyTorch's layout. */
  stateDict(): Record<string, unknown> {
    return { ...this.fieldState(), last_epoch: this.lastEpoch, _last_lr: this.getLastLr() };
  }

  /** The fields of the subclass, under PyTorch's names. */
  protected fieldState(): Record<string, unknown> {
    const own = this as unknown as Record<string, unknown>;
    return Object.fromEntries(this.fields.map(([key, property]) => [key, copied(own[property])]));
  }

  /**
   * Restores what `stateDict()` gave, here or in Python; the optimizer's rates come with its own state.
   *
   * @throws TypeError or RangeError if the state is of another kind of scheduler, or not complete; nothing is changed
   * then.
   */
  loadStateDict(state: SavedState): void {
    const read = readState(this.constructor.name, state);
    const fields = this.readFields(read);
    this.takeState(read);
    Object.assign(this, fields);
  }

  /** Sets what is no field, after checking it. */
  protected takeState(state: ReadonlyMap<string, unknown>): void {
    this.lastEpoch = this.readEntry(state, 'last_epoch', LAST_EPOCH);
    this.lastLr = ratesOf(state);
  }

  protected readFields(state: ReadonlyMap<string, unknown>): Record<string, unknown> {
    return Object.fromEntries(
      this.fields.map(([key, property, demand]) => [property, copied(this.readEntry(state, key, demand))]),
    );
  }

  /** An entry of a state dict. */
  protected readEntry<T>(state: ReadonlyMap<string, unknown>, key: string, demand: Demand): T {
    const name = this.constructor.name;
    if (state.has(key)) return demanded(`${name} state`, key, state.get(key), demand) as T;
    throw new RangeError(
      `Expected the state of a ${name} with "${key}" for loadStateDict, got ${[...state.keys()].join(', ')}`,
    );
  }
}

/** @throws TypeError for what is no optimizer. */
export function checkOptimizer(name: string, optimizer: unknown): void {
  if (optimizer instanceof Optimizer) return;
  throw new TypeError(`Expected an Optimizer for ${name}, got ${describeValue(optimizer)}`);
}

export const ratesOf = (state: ReadonlyMap<string, unknown>): number[] =>
  ((state.get('_last_lr') as unknown[] | undefined) ?? []).map(Number);

/** A state dict as a Map; `load()` gives that or an object. */
export function readState(name: string, state: SavedState): Map<string, unknown> {
  if (state instanceof Map) return new Map(state);
  if (typeof state === 'object' && state !== null && !Array.isArray(state))
    return new Map(Object.entries(state));
  throw new TypeError(`Expected a Map or object for ${name}.loadStateDict, got ${describeValue(state)}`);
}

/** Lists and Maps of a state are not those of the scheduler. */
function copied(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copied);
  return value instanceof Map ? new Map(value) : value;
}

/** A number for each group: one for all, or a list of them. */
export function perGroup(
  owner: string,
  name: string,
  value: number | readonly number[],
  { paramGroups: { length: count } }: AnyOptimizer,
): number[] {
  const list = Array.isArray(value)
    ? (value as readonly number[])
    : Array<number>(count).fill(value as number);
  if (list.length !== count) {
    throw new RangeError(
      `Expected ${count} numbers for ${owner} ${name}, one for each group, got ${list.length}`,
    );
  }
  return list.map((item) => demanded(owner, name, item, FINITE));
}
