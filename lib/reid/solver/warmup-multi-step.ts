import { COUNT, FINITE } from '../../optim/checks.ts';
import { type AnyOptimizer, lrScheduler } from '../../optim/index.ts';
import type { Field, Group } from '../../optim/lr-scheduler/scheduler.ts';
import { checkOptions, checkPositions } from '../../options.ts';
import { demanded, MILESTONES, WARMUP_METHOD, warmupShare } from './demands.ts';

/** Options of {@link WarmupMultiStepLR}. */
export interface WarmupMultiStepOptions extends lrScheduler.SchedulerOptions {
  /** Default 0.1. */
  gamma?: number;
  /** Share of the rate at epoch 0. Default 1/3. */
  warmupFactor?: number;
  /** Epochs (calls of `step`) until the whole rate. Default 500. */
  warmupIters?: number;
  /** Default `'linear'`. */
  warmupMethod?: 'linear' | 'constant';
}

const OPTIONS = ['gamma', 'warmupFactor', 'warmupIters', 'warmupMethod', 'lastEpoch'];

/**
 * reid-strong-baseline's schedule: a rise, then `gamma` times the rate from each milestone on. The published training steps
 * at the start of each epoch, so its first epoch has the rate of epoch 1.
 *
 * @example
 * const scheduler = new reid.WarmupMultiStepLR(optimizer, [40, 70], { warmupFactor: 0.01, warmupIters: 10 });
 */
export class WarmupMultiStepLR extends lrScheduler.LRScheduler {
  readonly milestones: readonly number[];
  readonly gamma: number;
  readonly warmupFactor: number;
  readonly warmupIters: number;
  readonly warmupMethod: 'linear' | 'constant';

  constructor(optimizer: AnyOptimizer, milestones: readonly number[], options: WarmupMultiStepOptions = {}) {
    const name = 'WarmupMultiStepLR';
    checkPositions(name, arguments, 3);
    checkOptions(name, options, OPTIONS);
    const { lastEpoch } = options;
    super(optimizer, lastEpoch === undefined ? {} : { lastEpoch });
    this.milestones = [...demanded(name, 'milestones', milestones, MILESTONES)];
    this.gamma = demanded(name, 'gamma', options.gamma ?? 0.1, FINITE);
    this.warmupFactor = demanded(name, 'warmupFactor', options.warmupFactor ?? 1 / 3, FINITE);
    this.warmupIters = demanded(name, 'warmupIters', options.warmupIters ?? 500, COUNT);
    this.warmupMethod = demanded(name, 'warmupMethod', options.warmupMethod ?? 'linear', WARMUP_METHOD);
    this.begin();
  }

  protected nextLr(_group: Group, baseLr: number): number {
    return this.closedFormLr(baseLr);
  }

  protected override closedFormLr(baseLr: number): number {
    const { lastEpoch, warmupMethod, warmupIters, warmupFactor, gamma, milestones } = this;
    const share = warmupShare(warmupMethod, lastEpoch, warmupIters, warmupFactor);
    return baseLr * share * gamma ** milestones.filter((epoch) => epoch <= lastEpoch).length;
  }

  protected get fields(): readonly Field[] {
    return [
      ['milestones', 'milestones', MILESTONES],
      ['gamma', 'gamma', FINITE],
      ['warmup_factor', 'warmupFactor', FINITE],
      ['warmup_iters', 'warmupIters', COUNT],
      ['warmup_method', 'warmupMethod', WARMUP_METHOD],
    ];
  }
}
