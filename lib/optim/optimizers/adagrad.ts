import { checkPositions } from '../../options.ts';
import { keep, noGrad, ops, scope, type Tensor } from '../../tensor/index.ts';
import type { Batch, State } from '../base/batch.ts';
import { BatchedOptimizer, newStep } from '../base/batched-optimizer.ts';
import { alignedGrads, scalingOf, uncountLeftOut } from '../base/fused.ts';
import {
  DIFFERENTIABLE,
  type DifferentiableOptions,
  FOREACH,
  FUSED,
  type FusedOptions,
  type OptionTable,
} from '../base/option-table.ts';
import type { ParamGroup, ParamsInput } from '../base/params.ts';
import { filledPairs, withValues } from '../base/sparse.ts';
import type { StateLayout } from '../base/state.ts';
import { FLAG, NOT_NEGATIVE } from '../checks.ts';

/** Options of Adagrad, for the optimizer or for one group. */
export interface AdagradOptions extends FusedOptions, DifferentiableOptions {
  /** Learning rate. Default 1e-2. */
  lr?: number;
  /** How fast the rate falls with the steps. Default 0. */
  lrDecay?: number;
  /** Added to the denominator. Default 1e-10. */
  eps?: number;
  /** L2 penalty. Default 0. */
  weightDecay?: number;
  /** What the sums of squares begin with; the optimizer's counts, also in groups. Default 0. */
  initialAccumulatorValue?: number;
  /** Climb instead of descend. Default false. */
  maximize?: boolean;
}

type AdagradGroup = Required<AdagradOptions>;

const TABLE: OptionTable<AdagradGroup> = {
  lr: [1e-2, NOT_NEGATIVE],
  lrDecay: [0, NOT_NEGATIVE],
  eps: [1e-10, NOT_NEGATIVE],
  weightDecay: [0, NOT_NEGATIVE],
  initialAccumulatorValue: [0, NOT_NEGATIVE],
  foreach: FOREACH,
  maximize: [false, FLAG],
  differentiable: DIFFERENTIABLE,
  fused: FUSED,
};

/**
 * Adagrad, as torch.optim.Adagrad (2.13) with `fused=True`; sparse gradients go the way of Python's for-loop. Its state
 * is there from the beginning.
 *
 * @throws RangeError on negative values; at a step with sparse gradients and weight decay.
 * @example
 * const optimizer = new optim.Adagrad(model.parameters(), { lr: 0.01, lrDecay: 1e-4 });
 */
export class Adagrad extends BatchedOptimizer<AdagradGroup> {
  constructor(params: ParamsInput<AdagradGroup>, options: AdagradOptions = {}) {
    checkPositions('Adagrad', arguments, 2);
    super('Adagrad', params, options, TABLE);
    for (const group of this.paramGroups) for (const param of group.params) this.stateOf(param, group);
  }

  override get stepSupportsAmpScaling(): boolean {
    return true;
  }

  protected get table(): OptionTable<AdagradGroup> {
    return TABLE;
  }

  protected get stateLayout(): StateLayout {
    return { names: ['step', 'sum'], step: 'device' };
  }

  protected initialState(param: Tensor): State {
    const sum = noGrad(() => keep(filledPairs(param, this.defaults.initialAccumulatorValue)));
    return { step: newStep(param.device), sum };
  }

  protected update(batch: Batch, group: ParamGroup<AdagradGroup>): void {
    const sums = batch.column('sum');
    const steps = batch.countSteps();
    ops.aten._fused_adagrad_(batch.params, alignedGrads(batch), sums, steps, {
      lr: group.lr,
      lr_decay: group.lrDecay,
      weight_decay: group.weightDecay,
      eps: group.eps,
      maximize: group.maximize,
      ...scalingOf(this, batch),
    });
    uncountLeftOut(this, steps);
  }

  protected override updateSparse(param: Tensor, grad: Tensor, group: ParamGroup<AdagradGroup>): void {
    if (group.weightDecay !== 0) {
      throw new RangeError(
        `Expected no weightDecay for Adagrad with sparse gradients, got ${group.weightDecay}`,
      );
    }
    const { step, sum } = this.stateOf(param, group) as Record<string, Tensor>;
    const count = (step as Tensor).add_(1).item() as number;
    const rate = group.lr / (1 + (count - 1) * group.lrDecay);
    scope(() => {
      const pull = ops.aten.coalesce(group.maximize ? grad.neg() : grad);
      const values = ops.aten._values(pull);
      (sum as Tensor).add_(withValues(pull, values.pow(2)));
      const root = ops.aten
        ._values(ops.aten.sparse_mask(sum as Tensor, pull))
        .sqrt_()
        .add_(group.eps);
      param.add_(withValues(pull, values.div(root)), { alpha: -rate });
    });
  }
}
