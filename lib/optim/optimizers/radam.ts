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

/** Options of RAdam, for the optimizer or for one group. */
export interface RAdamOptions extends ForeachOptions, CapturableOptions, DifferentiableOptions {
  /** Learning rate. Default 1e-3. */
  lr?: number;
  /** How much of the averages of the gradient and of its square stays each step. Default `[0.9, 0.999]`. */
  betas?: readonly [number, number];
  /** Added to the denominator. Default 1e-8. */
  eps?: number;
  /** L2 penalty. Default 0. */
  weightDecay?: number;
  /** Shrink the weights themselves instead of adding the decay to the gradient. Default false. */
  decoupledWeightDecay?: boolean;
  /** Climb instead of descend. Default false. */
  maximize?: boolean;
}

type RAdamGroup = Required<RAdamOptions>;

const TABLE: OptionTable<RAdamGroup> = {
  lr: [1e-3, NOT_NEGATIVE],
  betas: [[0.9, 0.999], BETAS],
  eps: [1e-8, NOT_NEGATIVE],
  weightDecay: [0, NOT_NEGATIVE],
  maximize: [false, FLAG],
  foreach: FOREACH,
  capturable: CAPTURABLE,
  decoupledWeightDecay: [false, FLAG],
  differentiable: DIFFERENTIABLE,
};

/**
 * Adam with a rectified variance, as torch.optim.RAdam (2.13). The rule is that of Python's for-loop, its default on the CPU, over
 * `_foreach` ops: the same operations in the same order.
 *
 * @throws RangeError on negative values or betas outside 0 to 1.
 * @example
 * const optimizer = new optim.RAdam(model.parameters(), { lr: 1e-3 });
 */
export class RAdam extends BatchedOptimizer<RAdamGroup> {
  constructor(params: ParamsInput<RAdamGroup>, options: RAdamOptions = {}) {
    checkPositions('RAdam', arguments, 2);
    super('RAdam', params, options, TABLE);
  }

  protected get table(): OptionTable<RAdamGroup> {
    return TABLE;
  }

  protected get stateLayout(): StateLayout {
    return { names: ['step', 'exp_avg', 'exp_avg_sq'] };
  }

  protected initialState(param: Tensor): State {
    return { step: newStep(), expAvg: zerosLike(param), expAvgSq: zerosLike(param) };
  }

  protected update(batch: Batch, group: ParamGroup<RAdamGroup>): void {
    const { lr, betas, eps } = group;
    const [averages, squares] = [batch.column('expAvg'), batch.column('expAvgSq')];
    const steps = batch.stepNumbers();
    const pulls = batch.decayedPulls(group);
    ops.aten._foreach_lerp_(averages, pulls, 1 - betas[0]);
    ops.aten._foreach_mul_(squares, betas[1]);
    ops.aten._foreach_addcmul_(squares, pulls, pulls, { value: 1 - betas[1] });
    for (const [i, param] of batch.params.entries()) {
      const step = steps[i] as number;
      const moved = (averages[i] as Tensor).div(1 - betas[0] ** step).mul(lr);
      const rectified = rectification(step, betas[1]);
      if (rectified !== undefined) {
        const root = (squares[i] as Tensor).sqrt().add_(eps);
        // Python divides a number by a tensor as reciprocal times number.
        moved.mul_(root.reciprocal_().mul_((1 - betas[1] ** step) ** 0.5)).mul_(rectified);
      }
      param.add_(moved, { alpha: -1 });
    }
  }
}

/** By what a step is shortened; undefined as long as the variance cannot be told from so few steps. */
function rectification(step: number, beta2: number): number | undefined {
  const most = 2 / (1 - beta2) - 1;
  const length = most - (2 * step * beta2 ** step) / (1 - beta2 ** step);
  if (length <= 5) return undefined;
  return (((length - 4) * (length - 2) * most) / ((most - 4) * (most - 2) * length)) ** 0.5;
}
