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
import { BETAS, FLAG, NOT_NEGATIVE } from '../checks.ts';

/** Options of Adamax, for the optimizer or for one group. */
export interface AdamaxOptions extends ForeachOptions, CapturableOptions, DifferentiableOptions {
  /** Learning rate. Default 2e-3. */
  lr?: number;
  /** How much of the averages of the gradient and of its square stays each step. Default `[0.9, 0.999]`. */
  betas?: readonly [number, number];
  /** Added to the denominator. Default 1e-8. */
  eps?: number;
  /** L2 penalty. Default 0. */
  weightDecay?: number;
  /** Climb instead of descend. Default false. */
  maximize?: boolean;
}

type AdamaxGroup = Required<AdamaxOptions>;

const TABLE: OptionTable<AdamaxGroup> = {
  lr: [2e-3, NOT_NEGATIVE],
  betas: [[0.9, 0.999], BETAS],
  eps: [1e-8, NOT_NEGATIVE],
  weightDecay: [0, NOT_NEGATIVE],
  foreach: FOREACH,
  maximize: [false, FLAG],
  differentiable: DIFFERENTIABLE,
  capturable: CAPTURABLE,
};

/**
 * Adam with the largest gradient so far in place of the average square, as torch.optim.Adamax (2.13). The rule is that of Python's for-loop, its default on the CPU, over
 * `_foreach` ops: the same operations in the same order.
 *
 * @throws RangeError on negative values or betas outside 0 to 1.
 * @example
 * const optimizer = new optim.Adamax(model.parameters());
 */
export class Adamax extends BatchedOptimizer<AdamaxGroup> {
  constructor(params: ParamsInput<AdamaxGroup>, options: AdamaxOptions = {}) {
    checkPositions('Adamax', arguments, 2);
    super('Adamax', params, options, TABLE);
  }

  protected get table(): OptionTable<AdamaxGroup> {
    return TABLE;
  }

  protected get stateLayout(): StateLayout {
    return { names: ['step', 'exp_avg', 'exp_inf'] };
  }

  protected initialState(param: Tensor): State {
    return { step: newStep(), expAvg: zerosLike(param), expInf: zerosLike(param) };
  }

  protected update(batch: Batch, group: ParamGroup<AdamaxGroup>): void {
    const { lr, betas, eps } = group;
    const [averages, norms] = [batch.column('expAvg'), batch.column('expInf')];
    const rates = batch.stepNumbers().map((step) => -(lr / (1 - betas[0] ** step)));
    const pulls = batch.pulls(group);
    ops.aten._foreach_lerp_(averages, pulls, 1 - betas[0]);
    const sizes = ops.aten._foreach_abs(pulls);
    ops.aten._foreach_add_(sizes, eps);
    ops.aten._foreach_mul_(norms, betas[1]);
    ops.aten._foreach_maximum_(norms, sizes);
    ops.aten._foreach_addcdiv_(batch.params, averages, norms, rates);
  }
}
