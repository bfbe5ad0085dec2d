import { checkOptions, checkPositions } from '../options.ts';
import { Optimizer } from './base/optimizer.ts';
import type { ParamGroup } from './base/params.ts';
import { type Demand, demanded, EPOCHS, FINITE, LAST_EPOCH, POSITIVE } from './checks.ts';

type AnyOptimizer = Optimizer<never> | Optimizer<{ lr: number }>;
type Group = ParamGroup<{ lr: number }>;

/** Options that every scheduler has. */
export interface SchedulerOptions {
  /** Epochs already done, when training goes on; the groups need `initialLr` then. Default -1. */
  lastEpoch?: number;
}

/**
 * Base of the schedulers: sets each group's `lr` when `step()` is called, once per epoch after `optimizer.step()`.
 * Rates are computed from the previous ones with PyTorch's formulas, so that schedulers can be combined.
 */
export abstract class LRScheduler {
  readonly optimizer: AnyOptimizer;
  readonly baseLrs: number[];
  lastEpoch: number;
  protected stepCount = 0;
  #lastLr: number[] = [];

  constructor(optimizer: AnyOptimizer, options: SchedulerOptions = {}) {
    const name = new.target.name;
    if (!(optimizer instanceof Optimizer)) {
      throw new TypeError(`Expected an Optimizer for ${name}, got ${typeof optimizer}`);
    }
    this.optimizer = optimizer;
    this.lastEpoch = demanded(name, 'lastEpoch', options.lastEpoch ?? -1, LAST_EPOCH);
    for (const [i, group] of this.groups.entries()) {
      if (this.lastEpoch === -1) group.initialLr ??= group.lr;
      else if (group.initialLr === undefined) {
        throw new RangeError(
          `Expected initialLr in parameter group ${i} for lastEpoch ${this.lastEpoch}, got none`,
        );
      }
    }
    this.baseLrs = this.groups.map((group) => group.initialLr as number);
  }

  protected get groups(): Group[] {
    return this.optimizer.paramGroups as unknown as Group[];
  }

  /** The next rate of a group, from its present one. */
  protected abstract nextLr(group: Group, baseLr: number): number;

  /** Goes on to the next epoch. */
  step(): void {
    if (this.stepCount === 1 && !this.optimizer.stepped) {
      process.emitWarning(
        'Expected optimizer.step() before scheduler.step(); the first learning rate is skipped',
        {
          code: 'IBN_SCHEDULER_ORDER',
        },
      );
    }
    this.advance();
  }

  protected advance(): void {
    this.stepCount++;
    this.lastEpoch++;
    this.groups.forEach((group, i) => {
      group.lr = this.nextLr(group, this.baseLrs[i] as number);
    });
    this.#lastLr = this.groups.map((group) => group.lr);
  }

  /** The rates set last, by group. */
  getLastLr(): number[] {
    return [...this.#lastLr];
  }

  /** Options of the subclass, under PyTorch's names. */
  protected abstract ownState(): Record<string, unknown>;

  /** Takes options back from `ownState()`'s layout. */
  protected abstract loadOwnState(state: ReadonlyMap<string, unknown>): void;

  /** PyTorch's layout. */
  stateDict(): Record<string, unknown> {
    return {
      ...this.ownState(),
      base_lrs: [...this.baseLrs],
      last_epoch: this.lastEpoch,
      _step_count: this.stepCount,
      _is_initial: false,
      _get_lr_called_within_step: false,
      _last_lr: this.getLastLr(),
    };
  }

  /**
   * Restores what `stateDict()` gave, here or in Python; the optimizer's rates come with its own state.
   *
   * @throws TypeError or RangeError if the state is of another kind of scheduler, or not complete; nothing is changed
   * then.
   */
  loadStateDict(state: ReadonlyMap<string, unknown> | Readonly<Record<string, unknown>>): void {
    const read = new Map<string, unknown>(state instanceof Map ? state : Object.entries(state));
    const rates = read.get('base_lrs');
    if (!Array.isArray(rates) || rates.length !== this.baseLrs.length) {
      const got = Array.isArray(rates) ? rates.length : typeof rates;
      throw new RangeError(
        `Expected ${this.baseLrs.length} base_lrs for ${this.constructor.name}, got ${got}`,
      );
    }
    const lastEpoch = this.readState(read, 'last_epoch', LAST_EPOCH);
    const stepCount = read.get('_step_count') ?? lastEpoch + 1;
    demanded(`${this.constructor.name} state`, '_step_count', stepCount, LAST_EPOCH);
    this.loadOwnState(read);
    this.baseLrs.splice(0, rates.length, ...rates.map(Number));
    this.lastEpoch = lastEpoch;
    this.stepCount = stepCount as number;
    this.#lastLr = ((read.get('_last_lr') as unknown[] | undefined) ?? []).map(Number);
  }

  /** A number of a state dict. */
  protected readState(state: ReadonlyMap<string, unknown>, key: string, demand: Demand): number {
    const name = this.constructor.name;
    if (state.has(key)) return demanded(`${name} state`, key, state.get(key) as number, demand);
    throw new RangeError(
      `Expected the state of a ${name} with "${key}" for loadStateDict, got ${[...state.keys()].join(', ')}`,
    );
  }
}

/** Multiplies the rate by `gamma` every `stepSize` epochs. */
export class StepLR extends LRScheduler {
  stepSize: number;
  gamma: number;

  /**
   * @param stepSize Epochs, at least 1.
   * @param options `gamma`, default 0.1.
   */
  constructor(
    optimizer: AnyOptimizer,
    stepSize: number,
    options: SchedulerOptions & { gamma?: number } = {},
  ) {
    checkPositions('StepLR', arguments, 3);
    checkOptions('StepLR', options, ['gamma', 'lastEpoch']);
    demanded('StepLR', 'stepSize', stepSize, EPOCHS);
    const gamma = demanded('StepLR', 'gamma', options.gamma ?? 0.1, FINITE);
    super(optimizer, options);
    this.stepSize = stepSize;
    this.gamma = gamma;
    this.advance();
  }

  protected nextLr(group: Group): number {
    return this.lastEpoch === 0 || this.lastEpoch % this.stepSize !== 0 ? group.lr : group.lr * this.gamma;
  }

  protected ownState(): Record<string, unknown> {
    return { step_size: this.stepSize, gamma: this.gamma };
  }

  protected loadOwnState(state: ReadonlyMap<string, unknown>): void {
    const stepSize = this.readState(state, 'step_size', EPOCHS);
    this.gamma = this.readState(state, 'gamma', FINITE);
    this.stepSize = stepSize;
  }
}

/**
 * Multiplies the rate by `gamma` at each milestone.
 *
 * @example
 * const scheduler = new optim.lrScheduler.MultiStepLR(optimizer, [30, 60, 90]);
 */
export class MultiStepLR extends LRScheduler {
  /** Epochs, with how often each was given. */
  milestones: Map<number, number>;
  gamma: number;

  /** @param options `gamma`, default 0.1. */
  constructor(
    optimizer: AnyOptimizer,
    milestones: Iterable<number>,
    options: SchedulerOptions & { gamma?: number } = {},
  ) {
    checkPositions('MultiStepLR', arguments, 3);
    checkOptions('MultiStepLR', options, ['gamma', 'lastEpoch']);
    const counted = countMilestones(milestones);
    const gamma = demanded('MultiStepLR', 'gamma', options.gamma ?? 0.1, FINITE);
    super(optimizer, options);
    this.milestones = counted;
    this.gamma = gamma;
    this.advance();
  }

  protected nextLr(group: Group): number {
    const times = this.milestones.get(this.lastEpoch);
    return times === undefined ? group.lr : group.lr * this.gamma ** times;
  }

  protected ownState(): Record<string, unknown> {
    return { milestones: new Map(this.milestones), gamma: this.gamma };
  }

  protected loadOwnState(state: ReadonlyMap<string, unknown>): void {
    const saved = state.get('milestones');
    if (typeof saved !== 'object' || saved === null) {
      const got = [...state.keys()].join(', ');
      throw new RangeError(
        `Expected the state of a MultiStepLR with "milestones" for loadStateDict, got ${got}`,
      );
    }
    const pairs = saved instanceof Map ? [...saved] : Object.entries(saved);
    this.gamma = this.readState(state, 'gamma', FINITE);
    this.milestones = new Map(pairs.map(([epoch, times]) => [Number(epoch), Number(times)]));
  }
}

const MILESTONE: Demand = { what: 'whole numbers', isMet: Number.isSafeInteger };

function countMilestones(milestones: Iterable<number>): Map<number, number> {
  const isList = typeof milestones === 'object' && milestones !== null && Symbol.iterator in milestones;
  if (!isList)
    throw new TypeError(`Expected a list of epochs for MultiStepLR milestones, got ${typeof milestones}`);
  const counted = new Map<number, number>();
  for (const epoch of milestones) {
    demanded('MultiStepLR', 'milestones', epoch, MILESTONE);
    counted.set(epoch, (counted.get(epoch) ?? 0) + 1);
  }
  return counted;
}

/** Lowers the rate along half a cosine to `etaMin` in `tMax` epochs. */
export class CosineAnnealingLR extends LRScheduler {
  tMax: number;
  etaMin: number;

  /** @param options `etaMin`, default 0. */
  constructor(optimizer: AnyOptimizer, tMax: number, options: SchedulerOptions & { etaMin?: number } = {}) {
    checkPositions('CosineAnnealingLR', arguments, 3);
    checkOptions('CosineAnnealingLR', options, ['etaMin', 'lastEpoch']);
    demanded('CosineAnnealingLR', 'tMax', tMax, POSITIVE);
    const etaMin = demanded('CosineAnnealingLR', 'etaMin', options.etaMin ?? 0, FINITE);
    super(optimizer, options);
    this.tMax = tMax;
    this.etaMin = etaMin;
    this.advance();
  }

  /** torch/optim/lr_scheduler.py (2.13), case by case, since rounding adds up over the epochs. */
  protected nextLr(group: Group, baseLr: number): number {
    const { lastEpoch: epoch, tMax, etaMin, stepCount } = this;
    const height = (at: number): number => 1 + Math.cos((Math.PI * at) / tMax);
    if (stepCount === 1) return group.lr;
    if ((epoch - 1 - tMax) % (2 * tMax) === 0) {
      return group.lr + ((baseLr - etaMin) * (1 - Math.cos(Math.PI / tMax))) / 2;
    }
    return (height(epoch) / height(epoch - 1)) * (group.lr - etaMin) + etaMin;
  }

  protected ownState(): Record<string, unknown> {
    return { T_max: this.tMax, eta_min: this.etaMin };
  }

  protected loadOwnState(state: ReadonlyMap<string, unknown>): void {
    const tMax = this.readState(state, 'T_max', POSITIVE);
    this.etaMin = this.readState(state, 'eta_min', FINITE);
    this.tMax = tMax;
  }
}
