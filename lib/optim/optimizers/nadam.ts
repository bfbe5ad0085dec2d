import { checkPositions } from '../../options.ts';
import { ops, type Tensor } from '../../tensor/index.ts';
import type { Batch, State } from '../base/batch.ts';
import { BatchedOptimizer, newNumber, newStep, zerosLike } from '../base/batched-optimizer.ts';
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

/** Options of NAdam, for the optimizer or for one group. */
export interface NAdamOptions extends ForeachOptions, CapturableOptions, DifferentiableOptions {
  /** Learning rate. Default 2e-3. */
  lr?: number;
  /** How much of the averages of the gradient and of its square stays each step. Default `[0.9, 0.999]`. */
  betas?: readonly [number, number];
  /** Added to the denominator. Default 1e-8. */
  eps?: number;
  /** L2 penalty. Default 0. */
  weightDecay?: number;
  /** How fast the momentum grows. Default 4e-3. */
  momentumDecay?: number;
  /** Shrink the weights themselves instead of adding the decay to the gradient. Default false. */
  decoupledWeightDecay?: boolean;
  /** Climb instead of descend. Default false. */
  maximize?: boolean;
}

type NAdamGroup = Required<NAdamOptions>;

const TABLE: OptionTable<NAdamGroup> = {
  lr: [2e-3, NOT_NEGATIVE],
  betas: [[0.9, 0.999], BETAS],
  eps: [1e-8, NOT_NEGATIVE],
  weightDecay: [0, NOT_NEGATIVE],
  momentumDecay: [4e-3, NOT_NEGATIVE],
  decoupledWeightDecay: [false, FLAG],
  maximize: [false, FLAG],
  foreach: FOREACH,
  capturable: CAPTURABLE,
  differentiable: DIFFERENTIABLE,
};

/**
 * Adam with Nesterov momentum, as torch.optim.NAdam (2.13). The rule is that of Python's for-loop, its default on the CPU, over
 * `_foreach` ops: the same operations in the same order.
 *
 * @throws RangeError on negative values or betas outside 0 to 1.
 * @example
 * const optimizer = new optim.NAdam(model.parameters(), { decoupledWeightDecay: true, weightDecay: 0.01 });
 */
export class NAdam extends BatchedOptimizer<NAdamGroup> {
  constructor(params: ParamsInput<NAdamGroup>, options: NAdamOptions = {}) {
    checkPositions('NAdam', arguments, 2);
    super('NAdam', params, options, TABLE);
  }

  protected get table(): OptionTable<NAdamGroup> {
    return TABLE;
  }

  protected get stateLayout(): StateLayout {
    return { names: ['step', 'mu_product', 'exp_avg', 'exp_avg_sq'] };
  }

  protected initialState(param: Tensor): State {
    return {
      step: newStep(),
      muProduct: newNumber(1),
      expAvg: zerosLike(param),
      expAvgSq: zerosLike(param),
    };
  }

  protected update(batch: Batch, group: ParamGroup<NAdamGroup>): void {
    const { lr, betas, eps, momentumDecay } = group;
    const [averages, squares] = [batch.column('expAvg'), batch.column('expAvgSq')];
    const steps = batch.stepNumbers();
    const momentumAt = (step: number) => betas[0] * (1 - 0.5 * 0.96 ** (step * momentumDecay));
    const [now, next] = [steps.map(momentumAt), steps.map((step) => momentumAt(step + 1))];
    const pulls = batch.decayedPulls(group);
    const muProducts = batch.column('muProduct');
    ops.aten._foreach_mul_(muProducts, now);
    const products = muProducts.map((product) => product.item() as number);
    ops.aten._foreach_lerp_(averages, pulls, 1 - betas[0]);
    ops.aten._foreach_mul_(squares, betas[1]);
    ops.aten._foreach_addcmul_(squares, pulls, pulls, { value: 1 - betas[1] });
    const roots = ops.aten._foreach_div(
      squares,
      steps.map((step) => 1 - betas[1] ** step),
    );
    ops.aten._foreach_sqrt_(roots);
    ops.aten._foreach_add_(roots, eps);
    const pulling = products.map((product, i) => (-lr * (1 - (now[i] as number))) / (1 - product));
    ops.aten._foreach_addcdiv_(batch.params, pulls, roots, pulling);
    const moving = products.map(
      (product, i) => (-lr * (next[i] as number)) / (1 - product * (next[i] as number)),
    );
    ops.aten._foreach_addcdiv_(batch.params, averages, roots, moving);
  }
}
