import { checkOptions, checkPositions } from '../../options.ts';
import { ops, scope, type Tensor } from '../../tensor/index.ts';
import { type Batch, decayedPulls, type State } from '../base/batch.ts';
import { BatchedOptimizer, newStep, zerosLike } from '../base/batched-optimizer.ts';
import { alignedGrads, scalingOf, takesFusedOp, uncountLeftOut } from '../base/fused.ts';
import {
  CAPTURABLE,
  type CapturableOptions,
  DIFFERENTIABLE,
  type DifferentiableOptions,
  FOREACH,
  FUSED,
  type FusedOptions,
  type OptionTable,
} from '../base/option-table.ts';
import type { ParamGroup, ParamsInput } from '../base/params.ts';
import { inPieces, type Pieces } from '../base/pieces.ts';
import type { StateLayout } from '../base/state.ts';
import { BETAS, FLAG, NOT_NEGATIVE } from '../checks.ts';

/** Options of AdamW, for the optimizer or for one group. */
export interface AdamWOptions extends FusedOptions, CapturableOptions, DifferentiableOptions {
  /** Learning rate. Default 1e-3. */
  lr?: number;
  /** How much of the averages of the gradient and of its square stays each step. Default `[0.9, 0.999]`. */
  betas?: readonly [number, number];
  /** Added to the denominator. Default 1e-8. */
  eps?: number;
  /** Weight decay. Default 0.01 for AdamW, 0 for Adam. */
  weightDecay?: number;
  /** Divide by the largest average of the square so far. Default false. */
  amsgrad?: boolean;
  /** Climb instead of descend. Default false. */
  maximize?: boolean;
}

/** Options of Adam, for the optimizer or for one group. */
export interface AdamOptions extends AdamWOptions {
  /** Shrink the weights themselves, as AdamW does, instead of adding the decay to the gradient. Default false. */
  decoupledWeightDecay?: boolean;
}

type AdamGroup = Required<AdamOptions>;

const TABLE: OptionTable<AdamGroup> = {
  lr: [1e-3, NOT_NEGATIVE],
  betas: [[0.9, 0.999], BETAS],
  eps: [1e-8, NOT_NEGATIVE],
  weightDecay: [0, NOT_NEGATIVE],
  amsgrad: [false, FLAG],
  maximize: [false, FLAG],
  foreach: FOREACH,
  capturable: CAPTURABLE,
  differentiable: DIFFERENTIABLE,
  fused: FUSED,
  decoupledWeightDecay: [false, FLAG],
};

/**
 * Adam, as torch.optim.Adam (2.13) with the numbers of Python's default on the CPU, bit for bit in float32. One fused
 * libtorch call updates a whole group on other devices, under GradScaler and with `fused: true`; it differs in the last bits.
 *
 * @throws RangeError on negative values or betas outside 0 to 1.
 * @example
 * const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3, betas: [0.9, 0.99] });
 */
export class Adam extends BatchedOptimizer<AdamGroup> {
  constructor(params: ParamsInput<AdamGroup>, options: AdamOptions = {}) {
    checkPositions('Adam', arguments, 2);
    super(new.target.name, params, options, TABLE);
  }

  override get stepSupportsAmpScaling(): boolean {
    return true;
  }

  protected get table(): OptionTable<AdamGroup> {
    return TABLE;
  }

  protected get stateLayout(): StateLayout {
    return { names: ['step', 'exp_avg', 'exp_avg_sq', 'max_exp_avg_sq'], step: 'device' };
  }

  protected initialState(param: Tensor, { amsgrad }: AdamGroup): State {
    return {
      step: newStep(param.device),
      expAvg: zerosLike(param),
      expAvgSq: zerosLike(param),
      ...(amsgrad ? { maxExpAvgSq: zerosLike(param) } : {}),
    };
  }

  protected update(batch: Batch, group: ParamGroup<AdamGroup>): void {
    if (takesFusedOp(this, batch, group)) this.#updateFused(batch, group);
    else this.#updateAsLoop(batch, group);
  }

  #updateFused(batch: Batch, group: ParamGroup<AdamGroup>): void {
    const { lr, betas, eps, weightDecay, amsgrad, maximize } = group;
    const op = group.decoupledWeightDecay ? ops.aten._fused_adamw_ : ops.aten._fused_adam_;
    const averages = [batch.column('expAvg'), batch.column('expAvgSq')] as const;
    const steps = batch.countSteps();
    op(batch.params, alignedGrads(batch), ...averages, amsgrad ? batch.column('maxExpAvgSq') : [], steps, {
      lr,
      beta1: betas[0],
      beta2: betas[1],
      weight_decay: weightDecay,
      eps,
      amsgrad,
      maximize,
      ...scalingOf(this, batch),
    });
    uncountLeftOut(this, steps);
  }

  /** The operations of Python's for-loop in their order, which the fused kernel rounds otherwise than. */
  #updateAsLoop(batch: Batch, group: ParamGroup<AdamGroup>): void {
    const names = ['expAvg', 'expAvgSq', ...(group.amsgrad ? ['maxExpAvgSq'] : [])];
    const columns = [batch.params, batch.grads, ...names.map((name) => batch.column(name))];
    const steps = batch.stepNumbers();
    for (const pieces of inPieces(columns)) scope(() => updatePieces(pieces, steps, group));
  }
}

function updatePieces({ columns, rows }: Pieces, steps: readonly number[], group: AdamGroup): void {
  const [params, grads, averages, squares, largest] = columns as [
    Tensor[],
    Tensor[],
    Tensor[],
    Tensor[],
    Tensor[]?,
  ];
  const { lr, betas, eps } = group;
  const corrections = rows.map((row) => betas.map((beta) => 1 - beta ** (steps[row] as number)));
  const pulls = decayedPulls(params, grads, group);
  ops.aten._foreach_lerp_(averages, pulls, 1 - betas[0]);
  ops.aten._foreach_mul_(squares, betas[1]);
  ops.aten._foreach_addcmul_(squares, pulls, pulls, 1 - betas[1]);
  if (largest !== undefined) ops.aten._foreach_maximum_(largest, squares);
  const sizes = ops.aten._foreach_sqrt(largest ?? squares);
  ops.aten._foreach_div_(
    sizes,
    corrections.map(([, second]) => Math.sqrt(second as number)),
  );
  ops.aten._foreach_add_(sizes, eps);
  ops.aten._foreach_addcdiv_(
    params,
    averages,
    sizes,
    corrections.map(([first]) => -(lr / (first as number))),
  );
}

/**
 * Adam with the decay of the weights apart from the gradient, as torch.optim.AdamW (2.13); its numbers are Adam's kind.
 *
 * @throws RangeError on negative values or betas outside 0 to 1.
 * @example
 * const optimizer = new optim.AdamW(model.parameters(), { lr: 3e-4, weightDecay: 0.05 });
 */
export class AdamW extends Adam {
  constructor(params: ParamsInput<AdamGroup>, options: AdamWOptions = {}) {
    checkPositions('AdamW', arguments, 2);
    checkOptions('AdamW', options, Object.keys(TABLE).slice(0, -1));
    const { weightDecay = 0.01 } = options;
    super(params, { ...options, weightDecay, decoupledWeightDecay: true });
  }

  /** A state that Adam saved says no; AdamW stays what it is, as in PyTorch. */
  override loadStateDict(state: unknown): void {
    super.loadStateDict(state);
    for (const group of this.paramGroups) group.decoupledWeightDecay = true;
  }
}
