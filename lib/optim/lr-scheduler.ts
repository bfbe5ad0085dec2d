import { checkOptions } from '../options.ts';
import type { Optimizer, ParamGroup } from './optimizer.ts';

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
    this.optimizer = optimizer;
    this.lastEpoch = options.lastEpoch ?? -1;
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

  /** Restores what `stateDict()` gave, here or in Python; the optimizer's rates come with its own state. */
  loadStateDict(state: ReadonlyMap<string, unknown> | Readonly<Record<string, unknown>>): void {
    const read = new Map<string, unknown>(state instanceof Map ? state : Object.entries(state));
    const rates = read.get('base_lrs');
    if (!Array.isArray(rates) || rates.length !== this.baseLrs.length) {
      const got = Array.isArray(rates) ? rates.length : typeof rates;
      throw new RangeError(
        `Expected ${this.baseLrs.length} base_lrs for ${this.constructor.name}, got ${got}`,
      );
    }
    this.loadOwnState(read);
    this.baseLrs.splice(0, rates.length, ...rates.map(Number));
    this.lastEpoch = Number(read.get('last_epoch'));
    this.stepCount = Number(read.get('_step_count') ?? this.lastEpoch + 1);
    this.#lastLr = ((read.get('_last_lr') as unknown[] | undefined) ?? []).map(Number);
  }
}

/** Multiplies the rate by `gamma` every `stepSize` epochs. */
export class StepLR extends LRScheduler {
  stepSize: number;
  gamma: number;

  /** @param options `gamma`, default 0.1. */
  constructor(
    optimizer: AnyOptimizer,
    stepSize: number,
    options: SchedulerOptions & { gamma?: number } = {},
  ) {
    checkOptions('StepLR', options, ['gamma', 'lastEpoch']);
    super(optimizer, options);
    this.stepSize = stepSize;
    this.gamma = options.gamma ?? 0.1;
    this.advance();
  }

  protected nextLr(group: Group): number {
    return this.lastEpoch === 0 || this.lastEpoch % this.stepSize !== 0 ? group.lr : group.lr * this.gamma;
  }

  protected ownState(): Record<string, unknown> {
    return { step_size: this.stepSize, gamma: this.gamma };
  }

  protected loadOwnState(state: ReadonlyMap<string, unknown>): void {
    this.stepSize = Number(state.get('step_size'));
    this.gamma = Number(state.get('gamma'));
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
    checkOptions('MultiStepLR', options, ['gamma', 'lastEpoch']);
    super(optimizer, options);
    this.milestones = new Map();
    for (const epoch of milestones) this.milestones.set(epoch, (this.milestones.get(epoch) ?? 0) + 1);
    this.gamma = options.gamma ?? 0.1;
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
    const pairs = saved instanceof Map ? [...saved] : Object.entries(saved ?? {});
    this.milestones = new Map(pairs.map(([epoch, times]) => [Number(epoch), Number(times)]));
    this.gamma = Number(state.get('gamma'));
  }
}

/** Lowers the rate along half a cosine to `etaMin` in `tMax` epochs. */
export class CosineAnnealingLR extends LRScheduler {
  tMax: number;
  etaMin: number;

  /** @param options `etaMin`, default 0. */
  constructor(optimizer: AnyOptimizer, tMax: number, options: SchedulerOptions & { etaMin?: number } = {}) {
    checkOptions('CosineAnnealingLR', options, ['etaMin', 'lastEpoch']);
    super(optimizer, options);
    this.tMax = tMax;
    this.etaMin = options.etaMin ?? 0;
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
    this.tMax = Number(state.get('T_max'));
    this.etaMin = Number(state.get('eta_min'));
  }
}
