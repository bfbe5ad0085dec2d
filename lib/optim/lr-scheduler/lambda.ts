import { checkOptions, checkPositions, describeValue } from '../../options.ts';
import type { AnyOptimizer } from '../base/step-hooks.ts';
import type { Demand } from '../checks.ts';
import { LRScheduler } from './lr-scheduler.ts';
import type { Field, Group, SchedulerOptions } from './scheduler.ts';

/** A factor for an epoch. */
export type LrLambda = (epoch: number) => number;

/** What a state has in the place of functions, which are not saved; PyTorch saves the fields of callable objects. */
const NO_FUNCTIONS: Demand = {
  what: 'a list of nulls, since functions are not saved,',
  isMet: (value) => Array.isArray(value) && value.every((item) => item === null),
};

abstract class FunctionLR extends LRScheduler {
  /** A function for each group. */
  readonly lrLambdas: readonly LrLambda[];

  constructor(
    owner: string,
    optimizer: AnyOptimizer,
    lrLambda: LrLambda | readonly LrLambda[],
    options: SchedulerOptions,
  ) {
    checkOptions(owner, options, ['lastEpoch']);
    super(optimizer, options);
    this.lrLambdas = functionsOf(owner, lrLambda, this.groups.length);
    this.begin();
  }

  /** The factor of a group in this epoch. */
  protected factorOf(index: number): number {
    return (this.lrLambdas[index] as LrLambda)(this.lastEpoch);
  }

  protected get noFunctions(): null[] {
    return this.lrLambdas.map(() => null);
  }

  protected get fields(): readonly Field[] {
    return [['lr_lambdas', 'noFunctions', NO_FUNCTIONS]];
  }

  protected override readFields(state: ReadonlyMap<string, unknown>): Record<string, unknown> {
    super.readFields(state);
    return {};
  }
}

function functionsOf(
  owner: string,
  given: LrLambda | readonly LrLambda[],
  count: number,
): readonly LrLambda[] {
  const list = Array.isArray(given)
    ? (given as readonly LrLambda[])
    : Array<LrLambda>(count).fill(given as LrLambda);
  if (list.length !== count) {
    throw new RangeError(
      `Expected ${count} functions for ${owner} lrLambda, one for each group, got ${list.length}`,
    );
  }
  for (const fn of list) {
    if (typeof fn !== 'function') {
      throw new TypeError(`Expected a function of the epoch for ${owner} lrLambda, got ${describeValue(fn)}`);
    }
  }
  return list;
}

/**
 * Multiplies the first rate by what a function gives for the epoch. The function is not in the state dict.
 *
 * @example
 * const scheduler = new optim.lrScheduler.LambdaLR(optimizer, (epoch) => 0.95 ** epoch);
 */
export class LambdaLR extends FunctionLR {
  /** @param lrLambda A function, or one for each group. */
  constructor(
    optimizer: AnyOptimizer,
    lrLambda: LrLambda | readonly LrLambda[],
    options: SchedulerOptions = {},
  ) {
    checkPositions('LambdaLR', arguments, 3);
    super('LambdaLR', optimizer, lrLambda, options);
  }

  protected nextLr(_group: Group, baseLr: number, index: number): number {
    return baseLr * this.factorOf(index);
  }
}

/** Multiplies the present rate by what a function gives for the epoch. The function is not in the state dict. */
export class MultiplicativeLR extends FunctionLR {
  /** @param lrLambda A function, or one for each group. */
  constructor(
    optimizer: AnyOptimizer,
    lrLambda: LrLambda | readonly LrLambda[],
    options: SchedulerOptions = {},
  ) {
    checkPositions('MultiplicativeLR', arguments, 3);
    super('MultiplicativeLR', optimizer, lrLambda, options);
  }

  protected nextLr(group: Group, _baseLr: number, index: number): number {
    return this.isInitial ? group.lr : group.lr * this.factorOf(index);
  }
}
