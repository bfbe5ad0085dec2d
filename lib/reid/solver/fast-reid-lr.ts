import { COUNT, EPOCHS, FINITE, NOT_NEGATIVE } from '../../optim/checks.ts';
import { type AnyOptimizer, lrScheduler } from '../../optim/index.ts';
import type { Field, Group } from '../../optim/lr-scheduler/scheduler.ts';
import { checkOptions, checkPositions } from '../../options.ts';
import { demanded, FAST_REID_WARMUP, MILESTONES, warmupShare } from './demands.ts';

/** Options of {@link FastReIDLR}: fast-reid's `SOLVER`. */
export interface FastReIDLROptions extends lrScheduler.SchedulerOptions {
  /** Iterations of an epoch. */
  itersPerEpoch: number;
  /** Default 120. */
  maxEpochs?: number;
  /** `'multiStep'` (default) or `'cosine'`. */
  sched?: 'multiStep' | 'cosine';
  /** Default [40, 90]. As in the published code they count the epochs since warm-up and delay, not those of training. */
  steps?: readonly number[];
  /** Default 0.1. */
  gamma?: number;
  /** Epochs at the whole rate before the schedule begins. Default 0. */
  delayEpochs?: number;
  /** The cosine's last rate. Default 1e-7. */
  etaMinLr?: number;
  /** Default 2000. */
  warmupIters?: number;
  /** Default 0.1. */
  warmupFactor?: number;
  /** Default `'linear'`. */
  warmupMethod?: 'linear' | 'constant' | 'exp';
}

const OPTIONS = [
  ...['itersPerEpoch', 'maxEpochs', 'sched', 'steps', 'gamma', 'delayEpochs', 'etaMinLr'],
  ...['warmupIters', 'warmupFactor', 'warmupMethod', 'lastEpoch'],
];

/**
 * fast-reid's schedule, stepped after each iteration: a rise by iterations, then steps or a cosine by epochs, which begin when
 * warm-up and `delayEpochs` are over.
 *
 * @example
 * const scheduler = new reid.FastReIDLR(optimizer, { itersPerEpoch: 200, maxEpochs: 60, sched: 'cosine', delayEpochs: 30 });
 */
export class FastReIDLR extends lrScheduler.LRScheduler {
  readonly itersPerEpoch: number;
  readonly maxEpochs: number;
  readonly sched: 'multiStep' | 'cosine';
  readonly steps: readonly number[];
  readonly gamma: number;
  readonly delayEpochs: number;
  readonly etaMinLr: number;
  readonly warmupIters: number;
  readonly warmupFactor: number;
  readonly warmupMethod: 'linear' | 'constant' | 'exp';

  constructor(optimizer: AnyOptimizer, options: FastReIDLROptions) {
    const name = 'FastReIDLR';
    checkPositions(name, arguments, 2);
    checkOptions(name, options, OPTIONS);
    const { lastEpoch, sched = 'multiStep', steps = [40, 90], warmupMethod = 'linear' } = options;
    super(optimizer, lastEpoch === undefined ? {} : { lastEpoch });
    this.itersPerEpoch = demanded(name, 'itersPerEpoch', options.itersPerEpoch, EPOCHS);
    this.maxEpochs = demanded(name, 'maxEpochs', options.maxEpochs ?? 120, EPOCHS);
    if (sched !== 'multiStep' && sched !== 'cosine') {
      throw new RangeError(
        `Expected "multiStep" or "cosine" for ${name} sched, got ${JSON.stringify(sched)}`,
      );
    }
    this.sched = sched;
    this.steps = [...demanded(name, 'steps', steps, MILESTONES)];
    this.gamma = demanded(name, 'gamma', options.gamma ?? 0.1, FINITE);
    this.delayEpochs = demanded(name, 'delayEpochs', options.delayEpochs ?? 0, COUNT);
    this.etaMinLr = demanded(name, 'etaMinLr', options.etaMinLr ?? 1e-7, NOT_NEGATIVE);
    this.warmupIters = demanded(name, 'warmupIters', options.warmupIters ?? 2000, COUNT);
    this.warmupFactor = demanded(name, 'warmupFactor', options.warmupFactor ?? 0.1, FINITE);
    this.warmupMethod = demanded(name, 'warmupMethod', warmupMethod, FAST_REID_WARMUP);
    if (sched === 'cosine' && this.period < 1) {
      throw new RangeError(
        `Expected fewer than ${this.maxEpochs} epochs of warm-up and delay for ${name}, got ${this.maxEpochs - this.period}`,
      );
    }
    this.begin();
  }

  /** Epochs of the cosine. */
  private get period(): number {
    const { warmupIters, itersPerEpoch, delayEpochs, maxEpochs } = this;
    return maxEpochs - Math.max(Math.ceil(warmupIters / itersPerEpoch), delayEpochs);
  }

  /** Epochs that have ended after warm-up and delay. */
  private get counted(): number {
    const { lastEpoch: iteration, itersPerEpoch, warmupIters, delayEpochs } = this;
    const ended = Math.floor(iteration / itersPerEpoch);
    // Epoch e ends at iteration e * itersPerEpoch and counts where that is behind the warm-up.
    const uncounted = Math.max(Math.floor(warmupIters / itersPerEpoch), delayEpochs);
    return Math.max(0, ended - uncounted);
  }

  protected nextLr(_group: Group, baseLr: number): number {
    return this.closedFormLr(baseLr);
  }

  protected override closedFormLr(baseLr: number): number {
    const { lastEpoch, warmupMethod, warmupIters, warmupFactor, counted, etaMinLr } = this;
    if (lastEpoch < warmupIters) {
      return baseLr * warmupShare(warmupMethod, lastEpoch, warmupIters, warmupFactor);
    }
    if (this.sched === 'multiStep') {
      return baseLr * this.gamma ** this.steps.filter((epoch) => epoch <= counted).length;
    }
    return etaMinLr + ((baseLr - etaMinLr) * (1 + Math.cos((Math.PI * counted) / this.period))) / 2;
  }

  protected get fields(): readonly Field[] {
    return [];
  }
}
