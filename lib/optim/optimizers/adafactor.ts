import { checkPositions } from '../../options.ts';
import { isComplex, keep, ops, type Tensor, zeros } from '../../tensor/index.ts';
import type { Batch, State } from '../base/batch.ts';
import { BatchedOptimizer, newStep, zerosLike } from '../base/batched-optimizer.ts';
import { FOREACH, type ForeachOptions, type OptionTable } from '../base/option-table.ts';
import type { ParamGroup, ParamsInput } from '../base/params.ts';
import type { StateLayout } from '../base/state.ts';
import { AT_LEAST_ONE, type Demand, FLAG, isListOf, NOT_NEGATIVE, NOT_POSITIVE } from '../checks.ts';

/** Options of Adafactor, for the optimizer or for one group. */
export interface AdafactorOptions extends ForeachOptions {
  /** The largest relative step. Default 1e-2. */
  lr?: number;
  /** Power of the step number that the averages decay with; at most 0. Default -0.8. */
  beta2Decay?: number;
  /** The least variance, null for the dtype's epsilon, and the least size of a parameter. Default `[null, 1e-3]`. */
  eps?: readonly [number | null, number];
  /** What updates are clipped to; at least 1. Default 1. */
  d?: number;
  /** Decay of the weights themselves. Default 0. */
  weightDecay?: number;
  /** Climb instead of descend. Default false. */
  maximize?: boolean;
}

type AdafactorGroup = Required<AdafactorOptions>;

const EPS: Demand = {
  what: 'a number of at least 0 or null, and a number of at least 0',
  isKind: Array.isArray,
  isMet: (value) => isListOf(value, 2, (eps, i) => (i === 0 && eps === null) || NOT_NEGATIVE.isMet(eps)),
};
/** torch.finfo(dtype).eps. */
const EPSILON: Partial<Record<string, number>> = {
  float64: 2 ** -52,
  float32: 2 ** -23,
  float16: 2 ** -10,
  bfloat16: 2 ** -7,
};

const TABLE: OptionTable<AdafactorGroup> = {
  lr: [1e-2, NOT_NEGATIVE],
  beta2Decay: [-0.8, NOT_POSITIVE],
  eps: [[null, 1e-3], EPS],
  d: [1, AT_LEAST_ONE],
  weightDecay: [0, NOT_NEGATIVE],
  foreach: FOREACH,
  maximize: [false, FLAG],
};

/**
 * Adam with the average square of a matrix kept as a row and a column, as torch.optim.Adafactor (2.13) with Python's
 * for-loop.
 *
 * @throws RangeError on negative values, a positive `beta2Decay`, `d` below 1, and for complex parameters.
 * @example
 * const optimizer = new optim.Adafactor(model.parameters(), { lr: 0.01, d: 1 });
 */
export class Adafactor extends BatchedOptimizer<AdafactorGroup> {
  constructor(params: ParamsInput<AdafactorGroup>, options: AdafactorOptions = {}) {
    checkPositions('Adafactor', arguments, 2);
    super('Adafactor', params, options, TABLE);
  }

  protected get table(): OptionTable<AdafactorGroup> {
    return TABLE;
  }

  protected get stateLayout(): StateLayout {
    return {
      names: ['step', 'row_var', 'col_var', 'variance'],
      shapeOf: (name, { shape }) =>
        name === 'variance' ? shape : factorShape(shape, name === 'row_var' ? -1 : -2),
    };
  }

  protected override checkGroup(group: ParamGroup<AdafactorGroup>): void {
    super.checkGroup(group);
    for (const [i, { dtype }] of group.params.entries()) {
      if (isComplex(dtype))
        throw new RangeError(`Expected real parameters for Adafactor, got ${dtype} for parameter ${i}`);
    }
  }

  protected initialState(param: Tensor): State {
    if (param.dim() < 2) return { step: newStep(), variance: zerosLike(param) };
    const { dtype, device } = param;
    const factor = (dim: number) => keep(zeros(factorShape(param.shape, dim), { dtype, device }));
    return { step: newStep(), rowVar: factor(-1), colVar: factor(-2) };
  }

  protected update(batch: Batch, group: ParamGroup<AdafactorGroup>): void {
    const steps = batch.stepNumbers();
    const pulls = batch.pulls({ maximize: group.maximize });
    for (const [i, param] of batch.params.entries()) {
      updateOne(param, pulls[i] as Tensor, {
        group,
        step: steps[i] as number,
        state: batch.states[i] as State,
      });
    }
  }
}

interface Present {
  group: AdafactorGroup;
  step: number;
  state: State;
}

function updateOne(param: Tensor, pull: Tensor, { group, step, state }: Present): void {
  const { lr, eps, d, weightDecay, beta2Decay } = group;
  const least = eps[0] ?? (EPSILON[param.dtype] as number);
  const size = meanSize(param);
  if (weightDecay !== 0) param.mul_(1 - lr * weightDecay);
  const share = step ** beta2Decay;
  const variance = param.dim() < 2 ? averaged(state, pull, share) : factored(state, pull, { share, least });
  const update = variance
    .clamp_(least * least)
    .rsqrt_()
    .mul_(pull);
  const rate = Math.max(eps[1], size) * Math.min(lr, 1 / step ** 0.5);
  param.add_(update, { alpha: -rate / Math.max(1, meanSize(update, d)) });
}

/** The root of the mean square, in units of `d`. */
const meanSize = (x: Tensor, d = 1): number => (x.norm().item() as number) / (x.numel() ** 0.5 * d);

function averaged({ variance }: State, pull: Tensor, share: number): Tensor {
  return (variance as Tensor).lerp_(pull.mul(pull), share).clone();
}

function factored({ rowVar, colVar }: State, pull: Tensor, by: { share: number; least: number }): Tensor {
  const [rows, columns] = [rowVar as Tensor, colVar as Tensor];
  rows.lerp_(meanSquares(pull, -1), by.share);
  columns.lerp_(meanSquares(pull, -2), by.share);
  return ops.aten.matmul(rows, columns).div_(rows.mean([-2], true).clamp_(by.least));
}

function meanSquares(pull: Tensor, dim: number): Tensor {
  return ops.aten
    .linalg_vector_norm(pull, 2, [dim], true)
    .square_()
    .div_(pull.shape.at(dim) as number);
}

const factorShape = (shape: readonly number[], dim: number): number[] => shape.toSpliced(dim, 1, 1);
