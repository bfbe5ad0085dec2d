import { checkOptions, checkPositions } from '../../options.ts';
import type { AnyOptimizer } from '../base/step-hooks.ts';
import { COUNT, type Demand, demanded, EPOCHS, FINITE, POSITIVE, UNIT } from '../checks.ts';
import { LRScheduler } from './lr-scheduler.ts';
import type { Field, Group, SchedulerOptions } from './scheduler.ts';

const START: Demand = {
  what: 'a number above 0 and at most 1',
  isMet: (value) => POSITIVE.isMet(value) && (value as number) <= 1,
};

/** Options of {@link LinearLR}. */
export interface LinearLROptions extends SchedulerOptions {
  /** What the rate is multiplied by at first, above 0 and at most 1. Default 1/3. */
  startFactor?: number;
  /** What it is multiplied by in the end, from 0 to 1. Default 1. */
  endFactor?: number;
  /** Epochs from one to the other. Default 5. */
  totalIters?: number;
}

/** Multiplies the rate by a factor that goes from `startFactor` to `endFactor` on a line. */
export class LinearLR extends LRScheduler {
  startFactor: number;
  endFactor: number;
  totalIters: number;

  constructor(optimizer: AnyOptimizer, options: LinearLROptions = {}) {
    checkPositions('LinearLR', arguments, 2);
    checkOptions('LinearLR', options, ['startFactor', 'endFactor', 'totalIters', 'lastEpoch']);
    const startFactor = demanded('LinearLR', 'startFactor', options.startFactor ?? 1 / 3, START);
    const endFactor = demanded('LinearLR', 'endFactor', options.endFactor ?? 1, UNIT);
    const totalIters = demanded('LinearLR', 'totalIters', options.totalIters ?? 5, EPOCHS);
    super(optimizer, options);
    this.startFactor = startFactor;
    this.endFactor = endFactor;
    this.totalIters = totalIters;
    this.begin();
  }

  protected nextLr(group: Group): number {
    const { lastEpoch: epoch, startFactor, endFactor, totalIters } = this;
    if (epoch === 0) return group.lr * startFactor;
    if (this.isInitial || epoch > totalIters) return group.lr;
    const before = totalIters * startFactor + (epoch - 1) * (endFactor - startFactor);
    return group.lr * (1 + (endFactor - startFactor) / before);
  }

  protected override closedFormLr(baseLr: number): number {
    const { startFactor, endFactor, totalIters } = this;
    const way = ((endFactor - startFactor) * Math.min(totalIters, this.lastEpoch)) / totalIters;
    return baseLr * (startFactor + way);
  }

  protected get fields(): readonly Field[] {
    return [
      ['start_factor', 'startFactor', START],
      ['end_factor', 'endFactor', UNIT],
      ['total_iters', 'totalIters', EPOCHS],
    ];
  }
}

/** Lowers the rate to 0 in `totalIters` epochs, along a power of what is left of them. */
export class PolynomialLR extends LRScheduler {
  totalIters: number;
  power: number;

  /** @param options `totalIters`, default 5; `power`, default 1. */
  constructor(
    optimizer: AnyOptimizer,
    options: SchedulerOptions & { totalIters?: number; power?: number } = {},
  ) {
    checkPositions('PolynomialLR', arguments, 2);
    checkOptions('PolynomialLR', options, ['totalIters', 'power', 'lastEpoch']);
    const totalIters = demanded('PolynomialLR', 'totalIters', options.totalIters ?? 5, EPOCHS);
    const power = demanded('PolynomialLR', 'power', options.power ?? 1, FINITE);
    super(optimizer, options);
    this.totalIters = totalIters;
    this.power = power;
    this.begin();
  }

  protected nextLr(group: Group): number {
    const { lastEpoch: epoch, totalIters } = this;
    if (this.isInitial || epoch > totalIters) return group.lr;
    return group.lr * ((1 - epoch / totalIters) / (1 - (epoch - 1) / totalIters)) ** this.power;
  }

  protected override closedFormLr(baseLr: number): number {
    return baseLr * (1 - Math.min(this.totalIters, this.lastEpoch) / this.totalIters) ** this.power;
  }

  protected get fields(): readonly Field[] {
    return [
      ['total_iters', 'totalIters', COUNT],
      ['power', 'power', FINITE],
    ];
  }
}
