import { checkOptions, checkPositions } from '../../options.ts';
import type { AnyOptimizer } from '../base/step-hooks.ts';
import { COUNT, type Demand, demanded, EPOCHS, FINITE, UNIT } from '../checks.ts';
import { LRScheduler } from './lr-scheduler.ts';
import type { Field, Group, SchedulerOptions } from './scheduler.ts';

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
    this.begin();
  }

  protected nextLr(group: Group): number {
    return this.lastEpoch === 0 || this.lastEpoch % this.stepSize !== 0 ? group.lr : group.lr * this.gamma;
  }

  protected override closedFormLr(baseLr: number): number {
    return baseLr * this.gamma ** Math.floor(this.lastEpoch / this.stepSize);
  }

  protected get fields(): readonly Field[] {
    return [
      ['step_size', 'stepSize', EPOCHS],
      ['gamma', 'gamma', FINITE],
    ];
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
    this.begin();
  }

  protected nextLr(group: Group): number {
    const times = this.milestones.get(this.lastEpoch);
    return times === undefined ? group.lr : group.lr * this.gamma ** times;
  }

  protected override closedFormLr(baseLr: number): number {
    const passed = [...this.milestones].filter(([epoch]) => epoch <= this.lastEpoch);
    return baseLr * this.gamma ** passed.reduce((sum, [, times]) => sum + times, 0);
  }

  protected get fields(): readonly Field[] {
    return [
      ['milestones', 'milestones', COUNTED],
      ['gamma', 'gamma', FINITE],
    ];
  }

  protected override readFields(state: ReadonlyMap<string, unknown>): Record<string, unknown> {
    const { milestones, ...rest } = super.readFields(state);
    const pairs = milestones instanceof Map ? [...milestones] : Object.entries(milestones as object);
    return { ...rest, milestones: new Map(pairs.map(([epoch, times]) => [Number(epoch), Number(times)])) };
  }
}

const MILESTONE: Demand = { what: 'whole numbers', isMet: Number.isSafeInteger };
const COUNTED: Demand = {
  what: 'a Map of milestones',
  isMet: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
};

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

/** Multiplies the rate by `factor` for the first `totalIters` epochs. */
export class ConstantLR extends LRScheduler {
  factor: number;
  totalIters: number;

  /** @param options `factor`, from 0 to 1, default 1/3; `totalIters`, default 5. */
  constructor(
    optimizer: AnyOptimizer,
    options: SchedulerOptions & { factor?: number; totalIters?: number } = {},
  ) {
    checkPositions('ConstantLR', arguments, 2);
    checkOptions('ConstantLR', options, ['factor', 'totalIters', 'lastEpoch']);
    const factor = demanded('ConstantLR', 'factor', options.factor ?? 1 / 3, UNIT);
    const totalIters = demanded('ConstantLR', 'totalIters', options.totalIters ?? 5, COUNT);
    super(optimizer, options);
    this.factor = factor;
    this.totalIters = totalIters;
    this.begin();
  }

  protected nextLr(group: Group): number {
    if (this.lastEpoch === 0) return group.lr * this.factor;
    return this.lastEpoch === this.totalIters ? group.lr * (1 / this.factor) : group.lr;
  }

  protected override closedFormLr(baseLr: number): number {
    return baseLr * (this.factor + (this.lastEpoch >= this.totalIters ? 1 - this.factor : 0));
  }

  protected get fields(): readonly Field[] {
    return [
      ['factor', 'factor', UNIT],
      ['total_iters', 'totalIters', COUNT],
    ];
  }
}

/** Multiplies the rate by `gamma` every epoch. */
export class ExponentialLR extends LRScheduler {
  gamma: number;

  constructor(optimizer: AnyOptimizer, gamma: number, options: SchedulerOptions = {}) {
    checkPositions('ExponentialLR', arguments, 3);
    checkOptions('ExponentialLR', options, ['lastEpoch']);
    demanded('ExponentialLR', 'gamma', gamma, FINITE);
    super(optimizer, options);
    this.gamma = gamma;
    this.begin();
  }

  protected nextLr(group: Group): number {
    return this.isInitial ? group.lr : group.lr * this.gamma;
  }

  protected override closedFormLr(baseLr: number): number {
    return baseLr * this.gamma ** this.lastEpoch;
  }

  protected get fields(): readonly Field[] {
    return [['gamma', 'gamma', FINITE]];
  }
}
