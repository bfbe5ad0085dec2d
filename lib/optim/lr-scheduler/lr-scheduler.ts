import { checkPositions } from '../../options.ts';
import type { AnyOptimizer } from '../base/step-hooks.ts';
import { demanded, LAST_EPOCH } from '../checks.ts';
import { type Group, ratesOf, Scheduler, type SchedulerOptions } from './scheduler.ts';

/**
 * Base of the schedulers that set each group's `lr` when `step()` is called, once per epoch after `optimizer.step()`.
 * Rates are computed from the previous ones with the formulas of torch/optim/lr_scheduler.py (2.13), case by case, so
 * that schedulers can be combined and round as there.
 */
export abstract class LRScheduler extends Scheduler {
  readonly baseLrs: number[];
  protected stepCount = 0;
  /** Whether the constructor is making the first step. */
  protected isInitial = false;

  constructor(optimizer: AnyOptimizer, options: SchedulerOptions = {}) {
    super(optimizer, options.lastEpoch ?? -1);
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

  /** The next rate of a group, from its present one. */
  protected abstract nextLr(group: Group, baseLr: number, index: number): number;

  /** The rate at `lastEpoch` from the base rate alone, where there is such a formula. */
  protected closedFormLr?(baseLr: number): number;

  /** Goes on to the next epoch. */
  step(): void {
    checkPositions(`${this.constructor.name}.step`, arguments, 0);
    if (this.stepCount === 1 && !this.optimizer.stepped) {
      process.emitWarning(
        'Expected optimizer.step() before scheduler.step(); the first learning rate is skipped',
        { code: 'IBN_SCHEDULER_ORDER' },
      );
    }
    this.stepCount++;
    this.advance();
  }

  /** @internal Makes the first step, which sets the rate of epoch 0. */
  begin(): void {
    this.stepCount = 0;
    this.isInitial = true;
    try {
      this.step();
    } finally {
      this.isInitial = false;
    }
  }

  /** @internal Sets the rates of the next epoch. */
  advance(): void {
    this.lastEpoch++;
    this.#setRates((group, base, i) => this.nextLr(group, base, i));
  }

  /** @internal Sets the rates of epoch 0: where SequentialLR comes to this scheduler. */
  restart(): void {
    this.lastEpoch = 0;
    if (this.closedFormLr === undefined) this.#setRates((group, base, i) => this.nextLr(group, base, i));
    else this.#setRates((_, base) => this.closedFormLr?.(base) as number);
  }

  #setRates(rateOf: (group: Group, baseLr: number, index: number) => number): void {
    const rates = this.groups.map((group, i) => rateOf(group, this.baseLrs[i] as number, i));
    for (const [i, group] of this.groups.entries()) group.lr = rates[i] as number;
    this.noteRates();
  }

  /** The state in PyTorch's layout. */
  override stateDict(): Record<string, unknown> {
    return {
      ...this.fieldState(),
      base_lrs: [...this.baseLrs],
      last_epoch: this.lastEpoch,
      _step_count: this.stepCount,
      _is_initial: false,
      _get_lr_called_within_step: false,
      _last_lr: this.getLastLr(),
    };
  }

  protected override takeState(state: ReadonlyMap<string, unknown>): void {
    const name = this.constructor.name;
    const rates = state.get('base_lrs');
    if (!Array.isArray(rates) || rates.length !== this.baseLrs.length) {
      const got = Array.isArray(rates) ? rates.length : typeof rates;
      throw new RangeError(`Expected ${this.baseLrs.length} base_lrs for ${name}, got ${got}`);
    }
    const lastEpoch = this.readEntry<number>(state, 'last_epoch', LAST_EPOCH);
    const stepCount = (state.get('_step_count') ?? lastEpoch + 1) as number;
    this.stepCount = demanded(`${name} state`, '_step_count', stepCount, LAST_EPOCH);
    this.baseLrs.splice(0, rates.length, ...rates.map(Number));
    this.lastEpoch = lastEpoch;
    this.lastLr = ratesOf(state);
  }
}
