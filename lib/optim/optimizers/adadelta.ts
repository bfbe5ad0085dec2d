import { checkPositions } from '../../options.ts';
import { ops, type Tensor } from '../../tensor/index.ts';
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
import type { StateLayout } from '../base/state.ts';
import { FLAG, NOT_NEGATIVE, UNIT } from '../checks.ts';

/** Options of Adadelta, for the optimizer or for one group. */
export interface AdadeltaOptions extends ForeachOptions, CapturableOptions, DifferentiableOptions {
  /** Learning rate. Default 1. */
  lr?: number;
  /** How much of the averages stays each step, from 0 to 1. Default 0.9. */
  rho?: number;
  /** Added to the denominator. Default 1e-6. */
  eps?: number;
  /** L2 penalty. Default 0. */
  weightDecay?: number;
  /** Climb instead of descend. Default false. */
  maximize?: boolean;
}

type AdadeltaGroup = Required<AdadeltaOptions>;

const TABLE: OptionTable<AdadeltaGroup> = {
  lr: [1, NOT_NEGATIVE],
  rho: [0.9, UNIT],
  eps: [1e-6, NOT_NEGATIVE],
  weightDecay: [0, NOT_NEGATIVE],
  maximize: [false, FLAG],
  capturable: CAPTURABLE,
  foreach: FOREACH,
  differentiable: DIFFERENTIABLE,
};

/**
 * Adadelta, as torch.optim.Adadelta (2.13). The rule is that of Python's for-loop, its default on the CPU, over
 * `_foreach` ops: the same operations in the same order.
 *
 * @throws RangeError on negative values or rho outside 0 to 1.
 * @example
 * const optimizer = new optim.Adadelta(model.parameters(), { rho: 0.95 });
 */
export class Adadelta extends BatchedOptimizer<AdadeltaGroup> {
  constructor(params: ParamsInput<AdadeltaGroup>, options: AdadeltaOptions = {}) {
    checkPositions('Adadelta', arguments, 2);
    super('Adadelta', params, options, TABLE);
  }

  protected get table(): OptionTable<AdadeltaGroup> {
    return TABLE;
  }

  protected get stateLayout(): StateLayout {
    return { names: ['step', 'square_avg', 'acc_delta'] };
  }

  protected initialState(param: Tensor): State {
    return { step: newStep(), squareAvg: zerosLike(param), accDelta: zerosLike(param) };
  }

  protected update(batch: Batch, group: ParamGroup<AdadeltaGroup>): void {
    const { lr, rho, eps } = group;
    const [squares, changes] = [batch.column('squareAvg'), batch.column('accDelta')];
    batch.countSteps();
    const pulls = batch.pulls(group);
    ops.aten._foreach_mul_(squares, rho);
    ops.aten._foreach_addcmul_(squares, pulls, pulls, { value: 1 - rho });
    const deltas = rootsOf(changes, eps);
    ops.aten._foreach_div_(deltas, rootsOf(squares, eps));
    ops.aten._foreach_mul_(deltas, pulls);
    ops.aten._foreach_mul_(changes, rho);
    ops.aten._foreach_addcmul_(changes, deltas, deltas, { value: 1 - rho });
    ops.aten._foreach_add_(batch.params, deltas, { alpha: -lr });
  }
}

function rootsOf(averages: Tensor[], eps: number): Tensor[] {
  const sums = ops.aten._foreach_add(averages, eps);
  ops.aten._foreach_sqrt_(sums);
  return sums;
}
