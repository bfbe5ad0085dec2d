import { checkPositions } from '../../options.ts';
import { isComplex, ops, scope, type Tensor } from '../../tensor/index.ts';
import type { Batch, State } from '../base/batch.ts';
import { BatchedOptimizer, zerosLike } from '../base/batched-optimizer.ts';
import type { OptionTable } from '../base/option-table.ts';
import type { ParamGroup, ParamsInput } from '../base/params.ts';
import { withValues } from '../base/sparse.ts';
import type { StateLayout } from '../base/state.ts';
import { BETAS, FLAG, POSITIVE } from '../checks.ts';

/** Options of SparseAdam, for the optimizer or for one group. */
export interface SparseAdamOptions {
  /** Learning rate, above 0. Default 1e-3. */
  lr?: number;
  /** How much of the averages of the gradient and of its square stays each step. Default `[0.9, 0.999]`. */
  betas?: readonly [number, number];
  /** Added to the denominator, above 0. Default 1e-8. */
  eps?: number;
  /** Climb instead of descend. Default false. */
  maximize?: boolean;
}

type SparseAdamGroup = Required<SparseAdamOptions>;

const TABLE: OptionTable<SparseAdamGroup> = {
  lr: [1e-3, POSITIVE],
  betas: [[0.9, 0.999], BETAS],
  eps: [1e-8, POSITIVE],
  maximize: [false, FLAG],
};

/**
 * Adam for sparse gradients, as torch.optim.SparseAdam (2.13): only the elements that the gradient has are updated, and
 * their averages. The step counter is a number.
 *
 * @throws RangeError on values that are not positive; for sparse or complex parameters; at a step with a dense gradient.
 * @example
 * const optimizer = new optim.SparseAdam([weight]);
 */
export class SparseAdam extends BatchedOptimizer<SparseAdamGroup> {
  constructor(params: ParamsInput<SparseAdamGroup>, options: SparseAdamOptions = {}) {
    checkPositions('SparseAdam', arguments, 2);
    super('SparseAdam', params, options, TABLE);
  }

  protected get table(): OptionTable<SparseAdamGroup> {
    return TABLE;
  }

  protected get stateLayout(): StateLayout {
    return { names: ['step', 'exp_avg', 'exp_avg_sq'], step: 'number' };
  }

  protected override checkGroup(group: ParamGroup<SparseAdamGroup>): void {
    super.checkGroup(group);
    for (const [i, param] of group.params.entries()) {
      if (param.layout === 'strided' && !isComplex(param.dtype)) continue;
      const got = param.layout === 'strided' ? param.dtype : param.layout;
      throw new RangeError(`Expected dense real parameters for SparseAdam, got ${got} for parameter ${i}`);
    }
  }

  protected initialState(param: Tensor): State {
    return { step: 0, expAvg: zerosLike(param), expAvgSq: zerosLike(param) };
  }

  protected update({ params }: Batch): void {
    const shape = params[0]?.shape.join(', ');
    throw new RangeError(
      `Expected a sparse gradient for SparseAdam, got a dense one of shape [${shape}]; Adam takes dense ones`,
    );
  }

  protected override updateSparse(param: Tensor, grad: Tensor, group: ParamGroup<SparseAdamGroup>): void {
    const state = this.stateOf(param, group);
    state.step = (state.step as number) + 1;
    const step = state.step;
    scope(() => {
      const pull = ops.aten.coalesce(group.maximize ? grad.neg() : grad);
      if (ops.aten._values(pull).numel() > 0) updateElements(param, pull, { state, step, group });
    });
  }
}

interface Present {
  state: State;
  step: number;
  group: SparseAdamGroup;
}

function updateElements(param: Tensor, pull: Tensor, { state, step, group }: Present): void {
  const { lr, betas, eps } = group;
  const values = ops.aten._values(pull);
  const average = moved(state.expAvg as Tensor, pull, values, 1 - betas[0]);
  const square = moved(state.expAvgSq as Tensor, pull, values.pow(2), 1 - betas[1]);
  const size = (lr * Math.sqrt(1 - betas[1] ** step)) / (1 - betas[0] ** step);
  param.add_(withValues(pull, average.div_(square.sqrt_().add_(eps)).mul(-size)));
}

/** Moves the elements of `pull` in `average` towards `values`; gives these elements. */
function moved(average: Tensor, pull: Tensor, values: Tensor, share: number): Tensor {
  const old = ops.aten._values(ops.aten.sparse_mask(average, pull));
  const change = values.sub(old).mul_(share);
  average.add_(withValues(pull, change));
  return change.add_(old);
}
