import { checkOptions, checkPositions, describeValue } from '../../options.ts';
import { isTensor } from '../../tensor/index.ts';
import type { AnyOptimizer } from '../base/step-hooks.ts';
import { COUNT, type Demand, demanded, FINITE, NOT_NEGATIVE, oneOf, orNull } from '../checks.ts';
import { type Field, perGroup, Scheduler } from './scheduler.ts';

/** Options of {@link ReduceLROnPlateau}. */
export interface ReduceLROnPlateauOptions {
  /** Whether a smaller metric is better, or a larger one. Default `'min'`. */
  mode?: 'min' | 'max';
  /** What the rate is multiplied by, below 1. Default 0.1. */
  factor?: number;
  /** Epochs without a better metric before the rate is lowered. Default 10. */
  patience?: number;
  /** How much better counts as better. Default 1e-4. */
  threshold?: number;
  /** Whether `threshold` is a share of the best metric, or a difference. Default `'rel'`. */
  thresholdMode?: 'rel' | 'abs';
  /** Epochs after lowering in which bad ones do not count. Default 0. */
  cooldown?: number;
  /** The least rate, one for each group or one for all. Default 0. */
  minLr?: number | readonly number[];
  /** Changes of the rate that are smaller are left out. Default 1e-8. */
  eps?: number;
}

const OPTIONS = ['mode', 'factor', 'patience', 'threshold', 'thresholdMode', 'cooldown', 'minLr', 'eps'];
const FACTOR: Demand = { what: 'a number below 1', isMet: (value) => typeof value === 'number' && value < 1 };
const MODE = oneOf('min', 'max');
const THRESHOLD_MODE = oneOf('rel', 'abs');
const NUMBER: Demand = { what: 'a number', isMet: (value) => typeof value === 'number' };
const LIST: Demand = { what: 'a list of numbers', isMet: Array.isArray };

/**
 * Lowers the rate when a metric has stopped getting better.
 *
 * @example
 * const scheduler = new optim.lrScheduler.ReduceLROnPlateau(optimizer, { patience: 3 });
 * scheduler.step(loss); // of the validation
 */
export class ReduceLROnPlateau extends Scheduler {
  mode: 'min' | 'max';
  factor: number;
  patience: number;
  threshold: number;
  thresholdMode: 'rel' | 'abs';
  cooldown: number;
  minLrs: number[];
  eps: number;
  /** The best metric so far. */
  best: number;
  cooldownCounter = 0;
  numBadEpochs = 0;
  protected defaultMinLr: number | null;

  constructor(optimizer: AnyOptimizer, options: ReduceLROnPlateauOptions = {}) {
    const name = 'ReduceLROnPlateau';
    checkPositions(name, arguments, 2);
    checkOptions(name, options, OPTIONS);
    const { minLr = 0 } = options;
    super(optimizer, 0);
    this.mode = demanded(name, 'mode', options.mode ?? 'min', MODE);
    this.factor = demanded(name, 'factor', options.factor ?? 0.1, FACTOR);
    this.patience = demanded(name, 'patience', options.patience ?? 10, COUNT);
    this.threshold = demanded(name, 'threshold', options.threshold ?? 1e-4, FINITE);
    this.thresholdMode = demanded(name, 'thresholdMode', options.thresholdMode ?? 'rel', THRESHOLD_MODE);
    this.cooldown = demanded(name, 'cooldown', options.cooldown ?? 0, COUNT);
    this.eps = demanded(name, 'eps', options.eps ?? 1e-8, NOT_NEGATIVE);
    this.minLrs = perGroup(name, 'minLr', minLr, optimizer);
    this.defaultMinLr = typeof minLr === 'number' ? minLr : null;
    this.best = this.worst;
    this.noteRates();
  }

  /** What every metric is better than. */
  protected get worst(): number {
    return this.mode === 'min' ? Infinity : -Infinity;
  }

  get inCooldown(): boolean {
    return this.cooldownCounter > 0;
  }

  /**
   * Ends an epoch whose metric is `metric`, a number or a tensor of one element.
   *
   * @throws TypeError without a metric.
   */
  step(metric: unknown): void {
    checkPositions('ReduceLROnPlateau.step', arguments, 1);
    const current = isTensor(metric) ? Number(metric.item()) : metric;
    if (typeof current !== 'number') {
      throw new TypeError(`Expected a number for ReduceLROnPlateau.step, got ${describeValue(metric)}`);
    }
    this.lastEpoch++;
    if (this.#isBetter(current)) {
      this.best = current;
      this.numBadEpochs = 0;
    } else this.numBadEpochs++;
    if (this.inCooldown) {
      this.cooldownCounter--;
      this.numBadEpochs = 0;
    }
    if (this.numBadEpochs > this.patience) {
      this.#reduce();
      this.cooldownCounter = this.cooldown;
      this.numBadEpochs = 0;
    }
    this.noteRates();
  }

  #isBetter(metric: number): boolean {
    const { best, threshold } = this;
    if (this.thresholdMode === 'abs') {
      return this.mode === 'min' ? metric < best - threshold : metric > best + threshold;
    }
    return this.mode === 'min' ? metric < best * (1 - threshold) : metric > best * (threshold + 1);
  }

  #reduce(): void {
    const { groups, defaultMinLr } = this;
    if (groups.length !== this.minLrs.length) {
      if (defaultMinLr === null) {
        throw new RangeError(
          `Expected ${groups.length} minLrs for ReduceLROnPlateau, as the optimizer has groups, got ${this.minLrs.length}`,
        );
      }
      this.minLrs = groups.map(() => defaultMinLr);
    }
    for (const [i, group] of groups.entries()) {
      const lower = Math.max(group.lr * this.factor, this.minLrs[i] as number);
      if (group.lr - lower > this.eps) group.lr = lower;
    }
  }

  protected get fields(): readonly Field[] {
    return [
      ['factor', 'factor', FACTOR],
      ['default_min_lr', 'defaultMinLr', orNull(FINITE)],
      ['min_lrs', 'minLrs', LIST],
      ['patience', 'patience', COUNT],
      ['cooldown', 'cooldown', COUNT],
      ['eps', 'eps', NOT_NEGATIVE],
      ['mode', 'mode', MODE],
      ['threshold', 'threshold', FINITE],
      ['threshold_mode', 'thresholdMode', THRESHOLD_MODE],
      ['best', 'best', NUMBER],
      ['cooldown_counter', 'cooldownCounter', COUNT],
      ['num_bad_epochs', 'numBadEpochs', COUNT],
    ];
  }

  override stateDict(): Record<string, unknown> {
    return { ...super.stateDict(), mode_worse: this.worst };
  }
}
