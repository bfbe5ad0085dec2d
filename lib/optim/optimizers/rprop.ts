import { checkPositions } from '../../options.ts';
import { keep, ops, type Tensor } from '../../tensor/index.ts';
import type { Batch, State } from '../base/batch.ts';
import { BatchedOptimizer, newStep, zerosLike } from '../base/batched-optimizer.ts';
import {
  CAPTURABLE,
  type CapturableOptions,
  DIFFERENTIABLE,
  type DifferentiableOptions,
  FOREACH,
  type ForeachOptions,
  type OptionTable,
} from '../base/option-table.ts';
import type { ParamGroup, ParamsInput } from '../base/params.ts';
import { filledPairs } from '../base/sparse.ts';
import type { StateLayout } from '../base/state.ts';
import { type Demand, FLAG, isListOf, NOT_NEGATIVE } from '../checks.ts';

/** Options of Rprop, for the optimizer or for one group. */
export interface RpropOptions extends ForeachOptions, CapturableOptions, DifferentiableOptions {
  /** Learning rate. Default 1e-2. */
  lr?: number;
  /** By what a step size shrinks where the gradient changed its sign, and grows where not. Default `[0.5, 1.2]`. */
  etas?: readonly [number, number];
  /** The smallest and the largest step size. Default `[1e-6, 50]`. */
  stepSizes?: readonly [number, number];
  /** Climb instead of descend. Default false. */
  maximize?: boolean;
}

type RpropGroup = Required<RpropOptions>;

const ETAS: Demand = {
  what: 'a number between 0 and 1 and one above 1',
  isKind: Array.isArray,
  isMet: (value) =>
    isListOf(value, 2, (eta, i) => (i === 0 ? isInside(eta, 0, 1) : isInside(eta, 1, Infinity))),
};
const STEP_SIZES: Demand = {
  what: 'a smallest and a largest number',
  isKind: Array.isArray,
  isMet: (value) => isListOf(value, 2, (size) => typeof size === 'number' && !Number.isNaN(size)),
};

const isInside = (value: unknown, low: number, high: number): boolean =>
  typeof value === 'number' && value > low && value < high;

const TABLE: OptionTable<RpropGroup> = {
  lr: [1e-2, NOT_NEGATIVE],
  etas: [[0.5, 1.2], ETAS],
  stepSizes: [[1e-6, 50], STEP_SIZES],
  foreach: FOREACH,
  maximize: [false, FLAG],
  differentiable: DIFFERENTIABLE,
  capturable: CAPTURABLE,
};

/**
 * Resilient backpropagation, as torch.optim.Rprop (2.13) with Python's for-loop: the signs of the gradients count, not
 * their sizes.
 *
 * @throws RangeError on a negative rate, or etas on the wrong sides of 1.
 * @example
 * const optimizer = new optim.Rprop(model.parameters(), { stepSizes: [1e-6, 1] });
 */
export class Rprop extends BatchedOptimizer<RpropGroup> {
  constructor(params: ParamsInput<RpropGroup>, options: RpropOptions = {}) {
    checkPositions('Rprop', arguments, 2);
    super('Rprop', params, options, TABLE);
  }

  protected get table(): OptionTable<RpropGroup> {
    return TABLE;
  }

  protected get stateLayout(): StateLayout {
    return { names: ['step', 'prev', 'step_size'] };
  }

  protected initialState(param: Tensor, { lr }: RpropGroup): State {
    return { step: newStep(), prev: zerosLike(param), stepSize: keep(filledPairs(param, lr)) };
  }

  protected update(batch: Batch, group: ParamGroup<RpropGroup>): void {
    const [previous, sizes] = [batch.column('prev'), batch.column('stepSize')];
    batch.countSteps();
    const pulls = batch.pulls(group);
    for (const [i, param] of batch.params.entries()) {
      const [pull, last, size] = [pulls[i], previous[i], sizes[i]] as [Tensor, Tensor, Tensor];
      const factors = factorsOf(pull.mul(last).sign_(), group.etas);
      size.mul_(factors).clamp_(...group.stepSizes);
      // Where the sign changed the parameter stays, and the next step starts anew.
      const used = ops.aten.masked_fill(pull, factors.eq(group.etas[0]), 0);
      param.addcmul_(used.sign(), size, { value: -1 });
      last.copy_(used);
    }
  }
}

/** What the step sizes are multiplied by, from the signs of this gradient times the last; signs are changed. */
function factorsOf(signs: Tensor, [shrink, grow]: readonly [number, number]): Tensor {
  const [rose, fell, still] = [signs.gt(0), signs.lt(0), signs.eq(0)];
  signs.maskedFill_(rose, grow).maskedFill_(fell, shrink);
  return signs.maskedFill_(still, 1);
}
