import { checkPositions } from '../../options.ts';
import type { Tensor } from '../../tensor/index.ts';
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
import { FINITE, FLAG, NOT_NEGATIVE } from '../checks.ts';

/** Options of ASGD, for the optimizer or for one group. */
export interface ASGDOptions extends ForeachOptions, CapturableOptions, DifferentiableOptions {
  /** Learning rate. Default 1e-2. */
  lr?: number;
  /** How fast the weights shrink. Default 1e-4. */
  lambd?: number;
  /** Power of the falling rate. Default 0.75. */
  alpha?: number;
  /** The step at which averaging begins. Default 1e6. */
  t0?: number;
  /** L2 penalty. Default 0. */
  weightDecay?: number;
  /** Climb instead of descend. Default false. */
  maximize?: boolean;
}

type ASGDGroup = Required<ASGDOptions>;

const TABLE: OptionTable<ASGDGroup> = {
  lr: [1e-2, NOT_NEGATIVE],
  lambd: [1e-4, FINITE],
  alpha: [0.75, FINITE],
  t0: [1e6, FINITE],
  weightDecay: [0, NOT_NEGATIVE],
  foreach: FOREACH,
  maximize: [false, FLAG],
  differentiable: DIFFERENTIABLE,
  capturable: CAPTURABLE,
};

/**
 * Averaged stochastic gradient descent, as torch.optim.ASGD (2.13) with Python's for-loop. `state.get(param).ax` is the
 * average of a parameter.
 *
 * @throws RangeError on a negative rate or decay.
 * @example
 * const optimizer = new optim.ASGD(model.parameters(), { t0: 1000 });
 */
export class ASGD extends BatchedOptimizer<ASGDGroup> {
  constructor(params: ParamsInput<ASGDGroup>, options: ASGDOptions = {}) {
    checkPositions('ASGD', arguments, 2);
    super('ASGD', params, options, TABLE);
  }

  protected get table(): OptionTable<ASGDGroup> {
    return TABLE;
  }

  protected get stateLayout(): StateLayout {
    return { names: ['step', 'eta', 'mu', 'ax'], step: 'device' };
  }

  protected initialState(param: Tensor, { lr }: ASGDGroup): State {
    const { device } = param;
    return {
      step: newStep(device),
      eta: newNumber(lr, device),
      mu: newNumber(1, device),
      ax: zerosLike(param),
    };
  }

  protected update(batch: Batch, group: ParamGroup<ASGDGroup>): void {
    const { lr, lambd, alpha, t0 } = group;
    const [etas, mus, averages] = [batch.column('eta'), batch.column('mu'), batch.column('ax')];
    const steps = batch.stepNumbers();
    const pulls = batch.pulls(group);
    for (const [i, param] of batch.params.entries()) {
      const [eta, mu, average] = [etas[i], mus[i], averages[i]] as [Tensor, Tensor, Tensor];
      const step = steps[i] as number;
      const rate = eta.item() as number;
      param.mul_(1 - lambd * rate).add_(pulls[i] as Tensor, { alpha: -rate });
      if (mu.item() === 1) average.copy_(param);
      else average.add_(param.sub(average).mul_(mu));
      // Python passes both through a float32 tensor.
      eta.fill_(Math.fround(lr / (1 + lambd * lr * step) ** alpha));
      mu.fill_(Math.fround(1 / Math.max(1, step - t0)));
    }
  }
}
