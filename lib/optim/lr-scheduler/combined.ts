import { checkOptions, checkPositions, describeValue } from '../../options.ts';
import type { AnyOptimizer } from '../base/step-hooks.ts';
import { COUNT, type Demand, demanded, isListOf, LAST_EPOCH } from '../checks.ts';
import { LRScheduler } from './lr-scheduler.ts';
import {
  type Field,
  ratesOf,
  readState,
  type SavedState,
  Scheduler,
  type SchedulerOptions,
} from './scheduler.ts';

/** What can be combined: all but ReduceLROnPlateau, which needs a metric. */
export type Combinable = LRScheduler | SequentialLR | ChainedScheduler;

/** Base of the schedulers that are made of others. */
abstract class CombinedScheduler extends Scheduler {
  readonly schedulers: readonly Combinable[];

  constructor(owner: string, schedulers: readonly Combinable[], optimizer: AnyOptimizer, lastEpoch: number) {
    super(optimizer, lastEpoch);
    for (const [i, scheduler] of schedulers.entries()) checkPart(owner, scheduler, i, optimizer);
    this.schedulers = [...schedulers];
  }

  abstract step(): void;

  /** What SequentialLR leaves in PyTorch's state when it begins with this scheduler. */
  protected begun: { _step_count?: 0; _is_initial?: false } = {};

  /** @internal Makes the first step; the schedulers inside count on. */
  begin(): void {
    this.begun = { _step_count: 0, _is_initial: false };
    this.step();
  }

  protected partStates(): Record<string, unknown>[] {
    return this.schedulers.map((scheduler) => scheduler.stateDict());
  }

  /** @throws RangeError for a state of other schedulers; those before it may be loaded then. */
  override loadStateDict(state: SavedState): void {
    const parts = this.readEntry<SavedState[]>(readState(this.constructor.name, state), '_schedulers', {
      what: `the states of ${this.schedulers.length} schedulers`,
      isMet: (value) => isListOf(value, this.schedulers.length, () => true),
      isKind: Array.isArray,
    });
    super.loadStateDict(state);
    for (const [i, scheduler] of this.schedulers.entries()) scheduler.loadStateDict(parts[i] as SavedState);
  }
}

function checkPart(owner: string, scheduler: unknown, index: number, optimizer: AnyOptimizer): void {
  if (!(scheduler instanceof LRScheduler) && !(scheduler instanceof CombinedScheduler)) {
    throw new TypeError(
      `Expected a scheduler whose step takes nothing for ${owner} schedulers[${index}], got ${describeValue(scheduler)}`,
    );
  }
  if (scheduler.optimizer !== optimizer) {
    throw new RangeError(`Expected schedulers of one optimizer for ${owner}, got another's at ${index}`);
  }
}

function requireSchedulers(owner: string, schedulers: readonly Combinable[]): readonly Combinable[] {
  if (Array.isArray(schedulers) && schedulers.length > 0) return schedulers;
  const got = Array.isArray(schedulers) ? 'none' : describeValue(schedulers);
  throw new TypeError(`Expected a list of schedulers for ${owner}, got ${got}`);
}

/** Steps several schedulers one after the other: each goes on from the rate that the one before has set. */
export class ChainedScheduler extends CombinedScheduler {
  constructor(schedulers: readonly Combinable[]) {
    checkPositions('ChainedScheduler', arguments, 1);
    const first = requireSchedulers('ChainedScheduler', schedulers)[0] as Combinable;
    super('ChainedScheduler', schedulers, first?.optimizer, 0);
    this.noteRates();
  }

  step(): void {
    checkPositions('ChainedScheduler.step', arguments, 0);
    for (const scheduler of this.schedulers) scheduler.step();
    this.noteRates();
  }

  protected get fields(): readonly Field[] {
    return [];
  }

  override stateDict(): Record<string, unknown> {
    return { _last_lr: this.getLastLr(), ...this.begun, _schedulers: this.partStates() };
  }

  protected override takeState(state: ReadonlyMap<string, unknown>): void {
    this.lastLr = ratesOf(state);
  }
}

const MILESTONES: Demand = {
  what: 'a list of whole numbers',
  isMet: (value) => Array.isArray(value) && value.every(COUNT.isMet),
  isKind: Array.isArray,
};

/**
 * One scheduler after the other: the next begins at each milestone.
 *
 * @example
 * const warmup = new optim.lrScheduler.LinearLR(optimizer, { totalIters: 5 });
 * const cosine = new optim.lrScheduler.CosineAnnealingLR(optimizer, 95);
 * const scheduler = new optim.lrScheduler.SequentialLR(optimizer, [warmup, cosine], [5]);
 */
export class SequentialLR extends CombinedScheduler {
  protected milestones: number[];

  /** @param milestones The epochs at which the second and further schedulers begin. */
  constructor(
    optimizer: AnyOptimizer,
    schedulers: readonly Combinable[],
    milestones: readonly number[],
    options: SchedulerOptions = {},
  ) {
    checkPositions('SequentialLR', arguments, 4);
    checkOptions('SequentialLR', options, ['lastEpoch']);
    requireSchedulers('SequentialLR', schedulers);
    demanded('SequentialLR', 'milestones', milestones, MILESTONES);
    if (milestones.length !== schedulers.length - 1) {
      const got = `${milestones.length} for ${schedulers.length} schedulers`;
      throw new RangeError(`Expected one milestone fewer than schedulers for SequentialLR, got ${got}`);
    }
    const lastEpoch = demanded('SequentialLR', 'lastEpoch', options.lastEpoch ?? -1, LAST_EPOCH);
    super('SequentialLR', schedulers, optimizer, lastEpoch + 1);
    for (const [i, scheduler] of schedulers.entries()) {
      if (i === 0 || scheduler instanceof LRScheduler) continue;
      throw new RangeError(
        `Expected a plain scheduler for SequentialLR schedulers[${i}], got a ${scheduler.constructor.name}, which cannot begin anew at a milestone`,
      );
    }
    this.milestones = [...milestones];
    for (const group of this.groups) group.lr = group.initialLr as number;
    undo(this);
    const first = this.schedulers[this.#indexAt(0)] as Combinable;
    first.begin();
    this.lastLr = first.getLastLr();
  }

  #indexAt(epoch: number): number {
    return this.milestones.filter((milestone) => milestone <= epoch).length;
  }

  step(): void {
    checkPositions('SequentialLR.step', arguments, 0);
    this.lastEpoch++;
    const index = this.#indexAt(this.lastEpoch);
    const scheduler = this.schedulers[index] as Combinable;
    const isNew = index > 0 && this.milestones[index - 1] === this.lastEpoch;
    if (isNew && scheduler instanceof LRScheduler) scheduler.restart();
    else scheduler.step();
    this.lastLr = scheduler.getLastLr();
  }

  protected get fields(): readonly Field[] {
    return [['_milestones', 'milestones', MILESTONES]];
  }

  override stateDict(): Record<string, unknown> {
    return { ...super.stateDict(), ...this.begun, _schedulers: this.partStates() };
  }
}

/** Takes the first steps of schedulers back, which their constructors made. */
function undo(scheduler: Combinable): void {
  if (scheduler instanceof LRScheduler) scheduler.lastEpoch--;
  else for (const part of scheduler.schedulers) undo(part);
}
