import { checkOptions, checkPositions, describeValue } from '../../options.ts';
import type { AnyOptimizer } from '../base/step-hooks.ts';
import { type Demand, demanded, FINITE, FLAG, oneOf, POSITIVE } from '../checks.ts';
import { LRScheduler } from './lr-scheduler.ts';
import { beginMomentum, setMomentum, usesBeta1 } from './momentum.ts';
import { checkOptimizer, type Field, type Group, perGroup, type SchedulerOptions } from './scheduler.ts';

type Mode = 'triangular' | 'triangular2' | 'exp_range';

/** Options of {@link CyclicLR}. */
export interface CyclicLROptions extends SchedulerOptions {
  /** Steps of the rising half. Default 2000. */
  stepSizeUp?: number;
  /** Steps of the falling half. Default that of the rising one. */
  stepSizeDown?: number;
  /** How cycles shrink: not, by half each, or by `gamma` with every step. Default `'triangular'`. */
  mode?: Mode;
  /** For `'exp_range'`. Default 1. */
  gamma?: number;
  /** A function that gives the height in place of `mode`. Default none. */
  scaleFn?: ((x: number) => number) | null;
  /** What `scaleFn` is given: the number of the cycle, from 1, or of the step. Default `'cycle'`. */
  scaleMode?: 'cycle' | 'iterations';
  /** Lower the momentum where the rate rises. Default true. */
  cycleMomentum?: boolean;
  /** The least momentum, one for each group or one for all. Default 0.8. */
  baseMomentum?: number | readonly number[];
  /** The largest. Default 0.9. */
  maxMomentum?: number | readonly number[];
}

const OPTIONS = ['stepSizeUp', 'stepSizeDown', 'mode', 'gamma', 'scaleFn', 'scaleMode'];
const MODE = oneOf('triangular', 'triangular2', 'exp_range');
const SCALE_MODE = oneOf('cycle', 'iterations');
const LIST: Demand = {
  what: 'a list of numbers',
  isMet: (value) => Array.isArray(value) && value.every(Number.isFinite),
};
const NONE: Demand = { what: 'null, since functions are not saved,', isMet: (value) => value === null };

/**
 * Moves the rate up and down between `baseLr` and `maxLr`, and the momentum the other way. Step it after every batch.
 *
 * @example
 * const scheduler = new optim.lrScheduler.CyclicLR(optimizer, 0.001, 0.1, { stepSizeUp: 500 });
 */
export class CyclicLR extends LRScheduler {
  maxLrs: number[];
  /** Steps of a cycle. */
  totalSize: number;
  /** The share of the rising half. */
  stepRatio: number;
  mode: string;
  gamma: number;
  scaleMode: string;
  cycleMomentum: boolean;
  baseMomentums: number[] = [];
  maxMomentums: number[] = [];
  protected useBeta1 = false;
  protected readonly noFunction = null;
  readonly #scaleFn: ((x: number) => number) | null;

  /** @param baseLr The least rate, one for each group or one for all; `maxLr` the largest. */
  constructor(
    optimizer: AnyOptimizer,
    baseLr: number | readonly number[],
    maxLr: number | readonly number[],
    options: CyclicLROptions = {},
  ) {
    const name = 'CyclicLR';
    checkPositions(name, arguments, 4);
    checkOptimizer(name, optimizer);
    checkOptions(name, options, [...OPTIONS, 'cycleMomentum', 'baseMomentum', 'maxMomentum', 'lastEpoch']);
    const { mode = 'triangular', gamma = 1, scaleFn = null, scaleMode = 'cycle', lastEpoch = -1 } = options;
    const up = demanded(name, 'stepSizeUp', options.stepSizeUp ?? 2000, POSITIVE);
    const down = demanded(name, 'stepSizeDown', options.stepSizeDown ?? up, POSITIVE);
    if (scaleFn === null) demanded(name, 'mode', mode, MODE);
    else if (typeof scaleFn !== 'function') {
      throw new TypeError(`Expected a function for CyclicLR scaleFn, got ${describeValue(scaleFn)}`);
    }
    demanded(name, 'gamma', gamma, FINITE);
    demanded(name, 'scaleMode', scaleMode, SCALE_MODE);
    const cycleMomentum = demanded(name, 'cycleMomentum', options.cycleMomentum ?? true, FLAG);
    const baseLrs = perGroup(name, 'baseLr', baseLr, optimizer);
    const maxLrs = perGroup(name, 'maxLr', maxLr, optimizer);
    const useBeta1 = cycleMomentum && usesBeta1(name, optimizer);
    if (lastEpoch === -1) {
      for (const [i, group] of optimizer.paramGroups.entries())
        (group as unknown as Group).lr = baseLrs[i] as number;
    }
    super(optimizer, { lastEpoch });
    this.maxLrs = maxLrs;
    this.totalSize = up + down;
    this.stepRatio = up / this.totalSize;
    this.mode = mode;
    this.gamma = gamma;
    this.#scaleFn = scaleFn;
    this.scaleMode = scaleFn !== null ? scaleMode : mode === 'exp_range' ? 'iterations' : 'cycle';
    this.cycleMomentum = cycleMomentum;
    this.useBeta1 = useBeta1;
    if (cycleMomentum) this.#beginMomentum(options);
    this.begin();
    // As in PyTorch: what the first step computed from are the rates of the groups, from here on those given.
    this.baseLrs.splice(0, baseLrs.length, ...baseLrs);
  }

  #beginMomentum({ baseMomentum = 0.8, maxMomentum = 0.9, lastEpoch = -1 }: CyclicLROptions): void {
    this.baseMomentums = perGroup('CyclicLR', 'baseMomentum', baseMomentum, this.optimizer);
    this.maxMomentums = perGroup('CyclicLR', 'maxMomentum', maxMomentum, this.optimizer);
    if (lastEpoch !== -1) return;
    for (const [i, group] of this.groups.entries()) {
      const bounds = { base: this.baseMomentums[i] as number, max: this.maxMomentums[i] as number };
      beginMomentum(group, bounds, this.useBeta1);
    }
  }

  protected nextLr(group: Group, baseLr: number, index: number): number {
    const cycle = Math.floor(1 + this.lastEpoch / this.totalSize);
    const x = 1 + this.lastEpoch / this.totalSize - cycle;
    const height = x <= this.stepRatio ? x / this.stepRatio : (x - 1) / (this.stepRatio - 1);
    const scale = this.#scale(this.scaleMode === 'cycle' ? cycle : this.lastEpoch);
    if (this.cycleMomentum) {
      const [base, max] = [this.baseMomentums[index] as number, this.maxMomentums[index] as number];
      setMomentum(group, max - (max - base) * height * scale, this.useBeta1);
    }
    return baseLr + ((this.maxLrs[index] as number) - baseLr) * height * scale;
  }

  #scale(x: number): number {
    if (this.#scaleFn !== null) return this.#scaleFn(x);
    if (this.mode === 'exp_range') return this.gamma ** x;
    return this.mode === 'triangular2' ? 1 / 2 ** (x - 1) : 1;
  }

  protected get fields(): readonly Field[] {
    const momentum: Field[] = [
      ['use_beta1', 'useBeta1', FLAG],
      ['base_momentums', 'baseMomentums', LIST],
      ['max_momentums', 'maxMomentums', LIST],
    ];
    return [
      ['max_lrs', 'maxLrs', LIST],
      ['total_size', 'totalSize', POSITIVE],
      ['step_ratio', 'stepRatio', POSITIVE],
      ['mode', 'mode', { what: 'a string', isMet: (value) => typeof value === 'string' }],
      ['gamma', 'gamma', FINITE],
      ['scale_mode', 'scaleMode', SCALE_MODE],
      ['cycle_momentum', 'cycleMomentum', FLAG],
      ...(this.cycleMomentum ? momentum : []),
      ['_scale_fn_custom', 'noFunction', NONE],
    ];
  }
}
