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
import { FLAG, NOT_NEGATIVE } from '../checks.ts';

/** Options of RMSprop, for the optimizer or for one group. */
export interface RMSpropOptions extends ForeachOptions, CapturableOptions, DifferentiableOptions {
  /** Learning rate. Default 1e-2. */
  lr?: number;
  /** How much of the average square stays each step. Default 0.99. */
  alpha?: number;
  /** Added to the denominator. Default 1e-8. */
  eps?: number;
  /** L2 penalty. Default 0. */
  weightDecay?: number;
  /** Default 0. */
  momentum?: number;
  /** Divide by the variance instead of the average square. Default false. */
  centered?: boolean;
  /** Climb instead of descend. Default false. */
  maximize?: boolean;
}

type RMSpropGroup = Required<RMSpropOptions>;

const TABLE: OptionTable<RMSpropGroup> = {
  lr: [1e-2, NOT_NEGATIVE],
  momentum: [0, NOT_NEGATIVE],
  alpha: [0.99, NOT_NEGATIVE],
  eps: [1e-8, NOT_NEGATIVE],
  centered: [false, FLAG],
  weightDecay: [0, NOT_NEGATIVE],
  capturable: CAPTURABLE,
  foreach: FOREACH,
  maximize: [false, FLAG],
  differentiable: DIFFERENTIABLE,
};

/**
 * RMSprop, as torch.optim.RMSprop (2.13). The rule is that of Python's for-loop, its default on the CPU, over
 * `_foreach` ops: the same operations in the same order.
 *
 * @throws RangeError on negative values.
 * @example
 * const optimizer = new optim.RMSprop(model.parameters(), { lr: 0.01, momentum: 0.9, centered: true });
 */
export class RMSprop extends BatchedOptimizer<RMSpropGroup> {
  constructor(params: ParamsInput<RMSpropGroup>, options: RMSpropOptions = {}) {
    checkPositions('RMSprop', arguments, 2);
    super('RMSprop', params, options, TABLE);
  }

  protected get table(): OptionTable<RMSpropGroup> {
    return TABLE;
  }

  protected get stateLayout(): StateLayout {
    return { names: ['step', 'square_avg', 'momentum_buffer', 'grad_avg'] };
  }

  protected initialState(param: Tensor, { momentum, centered }: RMSpropGroup): State {
    return {
      step: newStep(),
      squareAvg: zerosLike(param),
      ...(momentum > 0 ? { momentumBuffer: zerosLike(param) } : {}),
      ...(centered ? { gradAvg: zerosLike(param) } : {}),
    };
  }

  protected update(batch: Batch, group: ParamGroup<RMSpropGroup>): void {
    const { lr, alpha, eps, momentum, centered } = group;
    const squares = batch.column('squareAvg');
    batch.countSteps();
    const pulls = batch.pulls(group);
    ops.aten._foreach_mul_(squares, alpha);
    ops.aten._foreach_addcmul_(squares, pulls, pulls, { value: 1 - alpha });
    const roots = centered
      ? deviations(squares, pulls, batch.column('gradAvg'), alpha)
      : ops.aten._foreach_sqrt(squares);
    ops.aten._foreach_add_(roots, eps);
    if (momentum === 0) {
      ops.aten._foreach_addcdiv_(batch.params, pulls, roots, { value: -lr });
      return;
    }
    const buffers = batch.column('momentumBuffer');
    ops.aten._foreach_mul_(buffers, momentum);
    ops.aten._foreach_addcdiv_(buffers, pulls, roots);
    ops.aten._foreach_add_(batch.params, buffers, { alpha: -lr });
  }
}

function deviations(squares: Tensor[], pulls: Tensor[], means: Tensor[], alpha: number): Tensor[] {
  ops.aten._foreach_lerp_(means, pulls, 1 - alpha);
  const variances = ops.aten._foreach_addcmul(squares, means, means, { value: -1 });
  ops.aten._foreach_sqrt_(variances);
  return variances;
}
