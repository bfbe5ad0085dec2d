import { checkOptions, checkPositions } from '../../options.ts';
import type { AnyOptimizer } from '../base/step-hooks.ts';
import { demanded, EPOCHS, FINITE, NOT_NEGATIVE, POSITIVE } from '../checks.ts';
import { LRScheduler } from './lr-scheduler.ts';
import type { Field, Group, SchedulerOptions } from './scheduler.ts';

/** Lowers the rate along half a cosine to `etaMin` in `tMax` epochs, and raises it again in as many. */
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
    this.begin();
  }

  protected nextLr(group: Group, baseLr: number): number {
    const { lastEpoch: epoch, tMax, etaMin } = this;
    if (this.isInitial) return group.lr;
    if (this.stepCount === 1 && epoch > 0) {
      return etaMin + ((baseLr - etaMin) * (1 + Math.cos((epoch * Math.PI) / tMax))) / 2;
    }
    if ((epoch - 1 - tMax) % (2 * tMax) === 0) {
      return group.lr + ((baseLr - etaMin) * (1 - Math.cos(Math.PI / tMax))) / 2;
    }
    const height = (at: number): number => 1 + Math.cos((Math.PI * at) / tMax);
    return (height(epoch) / height(epoch - 1)) * (group.lr - etaMin) + etaMin;
  }

  protected override closedFormLr(baseLr: number): number {
    const { lastEpoch: epoch, tMax, etaMin } = this;
    return etaMin + ((baseLr - etaMin) * (1 + Math.cos((Math.PI * epoch) / tMax))) / 2;
  }

  protected get fields(): readonly Field[] {
    return [
      ['T_max', 'tMax', POSITIVE],
      ['eta_min', 'etaMin', FINITE],
    ];
  }
}

/** Lowers the rate along half a cosine to `etaMin`, again and again: the first time in `t0` epochs. */
export class CosineAnnealingWarmRestarts extends LRScheduler {
  t0: number;
  /** Epochs from the last restart to the next. */
  tI: number;
  tMult: number;
  etaMin: number;
  /** Epochs since the last restart. */
  tCur: number;

  /** @param options `tMult`, by which each round is longer than the last, default 1; `etaMin`, default 0. */
  constructor(
    optimizer: AnyOptimizer,
    t0: number,
    options: SchedulerOptions & { tMult?: number; etaMin?: number } = {},
  ) {
    const name = 'CosineAnnealingWarmRestarts';
    checkPositions(name, arguments, 3);
    checkOptions(name, options, ['tMult', 'etaMin', 'lastEpoch']);
    demanded(name, 't0', t0, EPOCHS);
    const tMult = demanded(name, 'tMult', options.tMult ?? 1, EPOCHS);
    const etaMin = demanded(name, 'etaMin', options.etaMin ?? 0, FINITE);
    super(optimizer, options);
    this.t0 = t0;
    this.tI = t0;
    this.tMult = tMult;
    this.etaMin = etaMin;
    this.tCur = this.lastEpoch;
    this.begin();
  }

  /** Goes on to the next epoch, or to `epoch`, which may be in the middle of one: `epoch + batch / batches`. */
  override step(epoch?: number): void {
    checkPositions('CosineAnnealingWarmRestarts.step', arguments, 1);
    if (epoch === undefined && this.lastEpoch >= 0) this.#next();
    else this.#goTo(demanded('CosineAnnealingWarmRestarts.step', 'epoch', epoch ?? 0, NOT_NEGATIVE));
  }

  #next(): void {
    this.tCur++;
    if (this.tCur >= this.tI) {
      this.tCur %= this.tI;
      this.tI *= this.tMult;
    }
    this.advance();
  }

  #goTo(epoch: number): void {
    const { t0, tMult } = this;
    if (epoch < t0) {
      this.tI = t0;
      this.tCur = epoch;
    } else if (tMult === 1) this.tCur = epoch % t0;
    else {
      const round = Math.floor(Math.log((epoch / t0) * (tMult - 1) + 1) / Math.log(tMult));
      this.tCur = epoch - (t0 * (tMult ** round - 1)) / (tMult - 1);
      this.tI = t0 * tMult ** round;
    }
    this.lastEpoch = Math.floor(epoch) - 1;
    this.advance();
  }

  protected nextLr(_group: Group, baseLr: number): number {
    const { etaMin, tCur, tI } = this;
    return etaMin + ((baseLr - etaMin) * (1 + Math.cos((Math.PI * tCur) / tI))) / 2;
  }

  protected get fields(): readonly Field[] {
    return [
      ['T_0', 't0', EPOCHS],
      ['T_i', 'tI', EPOCHS],
      ['T_mult', 'tMult', EPOCHS],
      ['eta_min', 'etaMin', FINITE],
      ['T_cur', 'tCur', FINITE],
    ];
  }
}
