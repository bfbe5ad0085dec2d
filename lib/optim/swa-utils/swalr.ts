import { checkOptions, checkPositions } from '../../options.ts';
import type { AnyOptimizer } from '../base/step-hooks.ts';
import { COUNT, demanded, oneOf } from '../checks.ts';
import { LRScheduler } from '../lr-scheduler/lr-scheduler.ts';
import { type Field, type Group, perGroup, type SchedulerOptions } from '../lr-scheduler/scheduler.ts';

/** Options of {@link SWALR}. */
export interface SWALROptions extends SchedulerOptions {
  /** Epochs from the present rate to the last. Default 10. */
  annealEpochs?: number;
  /** Along half a cosine, or a line. Default `'cos'`. */
  annealStrategy?: 'cos' | 'linear';
}

const ANNEAL = oneOf('cos', 'linear');

/** Moves the rate to a fixed one, with which weights are averaged: torch.optim.swa_utils.SWALR (2.13). */
export class SWALR extends LRScheduler {
  annealEpochs: number;
  annealStrategy: string;

  /** @param swaLr The last rate, one for each group or one for all. */
  constructor(optimizer: AnyOptimizer, swaLr: number | readonly number[], options: SWALROptions = {}) {
    checkPositions('SWALR', arguments, 3);
    checkOptions('SWALR', options, ['annealEpochs', 'annealStrategy', 'lastEpoch']);
    const annealStrategy = demanded('SWALR', 'annealStrategy', options.annealStrategy ?? 'cos', ANNEAL);
    const annealEpochs = demanded('SWALR', 'annealEpochs', options.annealEpochs ?? 10, COUNT);
    super(optimizer, options);
    this.annealEpochs = annealEpochs;
    this.annealStrategy = annealStrategy;
    const rates = perGroup('SWALR', 'swaLr', swaLr, optimizer);
    for (const [i, group] of this.groups.entries()) group.swaLr = rates[i];
    this.begin();
  }

  protected nextLr(group: Group): number {
    const step = this.annealEpochs === 0 ? Math.max(1, this.stepCount - 1) : this.stepCount - 1;
    const last = group.swaLr as number;
    const before = this.#shareAt(step - 1);
    const first = before === 1 ? last : (group.lr - before * last) / (1 - before);
    const now = this.#shareAt(step);
    return last * now + first * (1 - now);
  }

  /** How far a step is on the way to the last rate. */
  #shareAt(step: number): number {
    const t = Math.max(0, Math.min(1, step / Math.max(1, this.annealEpochs)));
    return this.annealStrategy === 'linear' ? t : (1 - Math.cos(Math.PI * t)) / 2;
  }

  protected get fields(): readonly Field[] {
    return [
      ['_anneal_strategy', 'annealStrategy', ANNEAL],
      ['anneal_epochs', 'annealEpochs', COUNT],
    ];
  }
}
