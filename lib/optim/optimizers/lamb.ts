import { checkPositions } from '../../options.ts';
import { enableGrad, full, keep, noGrad, ops, scope, stack, type Tensor, where } from '../../tensor/index.ts';
import type { Batch, State } from '../base/batch.ts';
import { BatchedOptimizer, zerosLike } from '../base/batched-optimizer.ts';
import type { OptionTable } from '../base/option-table.ts';
import type { ParamGroup, ParamsInput } from '../base/params.ts';
import type { OptimizerState, StateLayout } from '../base/state.ts';
import { BETAS, type Demand, FLAG, NOT_NEGATIVE, POSITIVE } from '../checks.ts';

/** Options of Lamb, for the optimizer or for one group. */
export interface LambOptions {
  /** Learning rate. Default 1e-3. */
  lr?: number;
  /** Make up for averages that begin with zeros. Default true. */
  biasCorrection?: boolean;
  /** How much of the averages of the gradient and of its square stays each step. Default `[0.9, 0.999]`. */
  betas?: readonly [number, number];
  /** Added to the denominator. Default 1e-6. */
  eps?: number;
  /** L2 penalty, of the update and not of the gradient. Default 0.01. */
  weightDecay?: number;
  /** A gradient counts `1 - betas[0]` in its average, else 1. Default true. */
  gradAveraging?: boolean;
  /** The largest norm of all gradients together; null: none. That of the optimizer counts. Default 1. */
  maxGradNorm?: number | null;
  /** Make no step larger than Adam's (LAMBC). Default false. */
  trustClip?: boolean;
  /** Fit the rate to parameters without weight decay too. Default false. */
  alwaysAdapt?: boolean;
  /** Shrink the weights themselves instead of adding the decay to the update. Default false. */
  decoupledDecay?: boolean;
}

type LambGroup = Required<LambOptions>;

const NORM: Demand = {
  what: 'a number above 0, or null',
  isMet: (value) => value === null || POSITIVE.isMet(value),
  isKind: (value) => value === null || typeof value === 'number',
};
const TABLE: OptionTable<LambGroup> = {
  lr: [1e-3, NOT_NEGATIVE],
  biasCorrection: [true, FLAG],
  betas: [[0.9, 0.999], BETAS],
  eps: [1e-6, NOT_NEGATIVE],
  weightDecay: [0.01, NOT_NEGATIVE],
  gradAveraging: [true, FLAG],
  maxGradNorm: [1, NORM],
  trustClip: [false, FLAG],
  alwaysAdapt: [false, FLAG],
  decoupledDecay: [false, FLAG],
};

// What timm's groups have beside the options here, and no number of steps depends on while they are off.
const OFF = ['caution', 'corrected_weight_decay'];

/**
 * LAMB (You et al., 2020), Adam with a rate fitted to each layer, for large batches: timm's `Lamb` (1.0), whose states it reads
 * and writes; steps are counted for each group.
 *
 * @throws RangeError on negative values or betas outside 0 to 1.
 * @example
 * const optimizer = new optim.Lamb(model.parameters(), { lr: 5e-3, weightDecay: 0.02 });
 */
export class Lamb extends BatchedOptimizer<LambGroup> {
  readonly #steps = new Map<ParamGroup<LambGroup>, number>();

  constructor(params: ParamsInput<LambGroup>, options: LambOptions = {}) {
    checkPositions('Lamb', arguments, 2);
    super('Lamb', params, options, TABLE);
  }

  protected get table(): OptionTable<LambGroup> {
    return TABLE;
  }

  protected get stateLayout(): StateLayout {
    return { names: ['exp_avg', 'exp_avg_sq'] };
  }

  protected initialState(param: Tensor): State {
    return { expAvg: zerosLike(param), expAvgSq: zerosLike(param) };
  }

  protected override runStep<T>(closure: (() => T) | undefined): T | undefined {
    const loss = closure === undefined ? undefined : enableGrad(closure);
    noGrad(() => scope(() => this.#clip()));
    for (const group of this.paramGroups) this.#steps.set(group, this.#stepOf(group) + 1);
    super.runStep(undefined);
    return loss;
  }

  #stepOf(group: ParamGroup<LambGroup>): number {
    return this.#steps.get(group) ?? 0;
  }

  /** Shortens all gradients by what their norm together is above the largest. */
  #clip(): void {
    const { maxGradNorm } = this.defaults;
    const grads = this.paramGroups.flatMap(({ params }) => params.flatMap(({ grad }) => grad ?? []));
    const dense = grads.filter(({ layout }) => layout === 'strided'); // sparse ones are refused in their turn
    if (maxGradNorm === null || dense.length === 0) return;
    const norms = dense.map((grad) => ops.aten.linalg_vector_norm(grad));
    const all = ops.aten.linalg_vector_norm(stack(norms, 0));
    const by = all.div(maxGradNorm).clamp_({ min: 1 });
    for (const grad of dense) grad.div_(by);
  }

  protected update(batch: Batch, group: ParamGroup<LambGroup>): void {
    const { betas, gradAveraging, biasCorrection, eps } = group;
    const [averages, squares] = [batch.column('expAvg'), batch.column('expAvgSq')];
    const step = this.#stepOf(group);
    const [first, second] = biasCorrection ? [1 - betas[0] ** step, 1 - betas[1] ** step] : [1, 1];
    ops.aten._foreach_mul_(averages, betas[0]);
    ops.aten._foreach_add_(averages, batch.grads, { alpha: gradAveraging ? 1 - betas[0] : 1 });
    ops.aten._foreach_mul_(squares, betas[1]);
    ops.aten._foreach_addcmul_(squares, batch.grads, batch.grads, { value: 1 - betas[1] });
    for (const [i, param] of batch.params.entries()) {
      const root = (squares[i] as Tensor)
        .sqrt()
        .div_(second ** 0.5)
        .add_(eps);
      move(param, (averages[i] as Tensor).div(first).div_(root), group);
    }
  }

  /** timm's layout: a group has its number of steps. */
  protected override packed(): OptimizerState {
    const packed = super.packed();
    for (const [i, group] of this.paramGroups.entries()) {
      const step = this.#steps.get(group);
      if (step !== undefined) (packed.param_groups[i] as Record<string, unknown>).step = countOf(step);
    }
    return packed;
  }

  override loadStateDict(state: unknown): void {
    const groups = groupsIn(state);
    const rest = groups?.map(
      (group) => new Map([...group].filter(([key]) => key !== 'step' && !OFF.includes(key))),
    );
    for (const name of OFF)
      if (groups?.some((group) => group.get(name) === true))
        throw new RangeError(`Expected a state without ${name} for Lamb.loadStateDict, got one with it`);
    super.loadStateDict(rest === undefined ? state : { state: partOf(state, 'state'), param_groups: rest });
    for (const [i, group] of this.paramGroups.entries()) {
      const step = groups?.[i]?.get('step');
      this.#steps.set(group, Number(typeof step === 'object' ? (step as Tensor).item() : (step ?? 0)));
    }
  }
}

/** One parameter, by an update fitted to its size. */
function move(param: Tensor, update: Tensor, group: ParamGroup<LambGroup>): void {
  const { lr, weightDecay, decoupledDecay, alwaysAdapt, trustClip } = group;
  if (weightDecay !== 0) {
    if (decoupledDecay) param.add_(param, { alpha: -lr * weightDecay });
    else update.add_(param, { alpha: weightDecay });
  }
  if (weightDecay !== 0 || alwaysAdapt) update.mul_(trustRatio(param, update, trustClip));
  param.add_(update, { alpha: -lr });
}

/** The norm of the parameter by that of its update; 1 where one of them is 0. */
function trustRatio(param: Tensor, update: Tensor, isClipped: boolean): Tensor {
  const [size, length] = [param, update].map((tensor) => ops.aten.linalg_vector_norm(tensor)) as [
    Tensor,
    Tensor,
  ];
  const ratio = where(size.gt(0), where(length.gt(0), size.div(length), 1), 1);
  return isClipped ? ratio.clamp({ max: 1 }) : ratio;
}

const countOf = (step: number): Tensor => keep(full([], step, { dtype: 'float32' }));

function groupsIn(state: unknown): Map<string, unknown>[] | undefined {
  const groups = partOf(state, 'param_groups');
  if (!Array.isArray(groups) || groups.some((group) => typeof group !== 'object' || group === null))
    return undefined; // which loading refuses in words
  return groups.map((group) => (group instanceof Map ? new Map(group) : new Map(Object.entries(group))));
}

function partOf(state: unknown, name: string): unknown {
  return state instanceof Map
    ? state.get(name)
    : (state as Record<string, unknown> | null | undefined)?.[name];
}
