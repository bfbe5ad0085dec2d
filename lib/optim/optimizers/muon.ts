import { checkPositions } from '../../options.ts';
import { isComplex, ops, type Tensor } from '../../tensor/index.ts';
import type { Batch, State } from '../base/batch.ts';
import { BatchedOptimizer, zerosLike } from '../base/batched-optimizer.ts';
import type { OptionTable } from '../base/option-table.ts';
import type { ParamGroup, ParamsInput } from '../base/params.ts';
import type { StateLayout } from '../base/state.ts';
import { type Demand, FLAG, isListOf, NOT_NEGATIVE, oneOf } from '../checks.ts';

/** Options of Muon, for the optimizer or for one group. */
export interface MuonOptions {
  /** Learning rate. Default 1e-3. */
  lr?: number;
  /** Decay of the weights themselves. Default 0.1. */
  weightDecay?: number;
  /** Default 0.95. */
  momentum?: number;
  /** Default true. */
  nesterov?: boolean;
  /** Coefficients of the Newton-Schulz polynomial. Default `[3.4445, -4.775, 2.0315]`. */
  nsCoefficients?: readonly [number, number, number];
  /** The least norm that an update is divided by. Default 1e-7. */
  eps?: number;
  /** Newton-Schulz iterations, below 100. Default 5. */
  nsSteps?: number;
  /** How the rate follows the shape: `'original'`, which null stands for, or `'match_rms_adamw'`. Default null. */
  adjustLrFn?: 'original' | 'match_rms_adamw' | null;
}

type MuonGroup = Required<MuonOptions>;

const COEFFICIENTS: Demand = {
  what: 'three finite numbers',
  isKind: Array.isArray,
  isMet: (value) => isListOf(value, 3, Number.isFinite),
};
const STEPS: Demand = {
  what: 'a whole number from 0 to 99',
  isMet: (value) => Number.isInteger(value) && (value as number) >= 0 && (value as number) < 100,
};

const TABLE: OptionTable<MuonGroup> = {
  lr: [1e-3, NOT_NEGATIVE],
  weightDecay: [0.1, NOT_NEGATIVE],
  momentum: [0.95, NOT_NEGATIVE],
  nesterov: [true, FLAG],
  nsCoefficients: [[3.4445, -4.775, 2.0315], COEFFICIENTS],
  eps: [1e-7, NOT_NEGATIVE],
  nsSteps: [5, STEPS],
  adjustLrFn: [null, oneOf('original', 'match_rms_adamw', null)],
};

/**
 * Momentum whose updates are made orthogonal, as torch.optim.Muon (2.13), for the matrices of hidden layers; other
 * parameters want another optimizer. The iterations run in bfloat16.
 *
 * @throws RangeError on negative values, and for parameters that are no real matrices.
 * @example
 * const matrices = model.parameters().filter((param) => param.dim() === 2);
 * const optimizer = new optim.Muon(matrices, { lr: 0.02 });
 */
export class Muon extends BatchedOptimizer<MuonGroup> {
  constructor(params: ParamsInput<MuonGroup>, options: MuonOptions = {}) {
    checkPositions('Muon', arguments, 2);
    super('Muon', params, options, TABLE);
  }

  protected get table(): OptionTable<MuonGroup> {
    return TABLE;
  }

  protected get stateLayout(): StateLayout {
    return { names: ['momentum_buffer'] };
  }

  protected override checkGroup(group: ParamGroup<MuonGroup>): void {
    super.checkGroup(group);
    for (const [i, param] of group.params.entries()) {
      if (param.dim() === 2 && !isComplex(param.dtype)) continue;
      const got = `${param.dtype} of shape [${param.shape.join(', ')}]`;
      throw new RangeError(
        `Expected real matrices for Muon, got ${got} for parameter ${i}; AdamW takes any shape`,
      );
    }
  }

  protected initialState(param: Tensor): State {
    return { momentumBuffer: zerosLike(param) };
  }

  protected update(batch: Batch, group: ParamGroup<MuonGroup>): void {
    const { lr, weightDecay, momentum, nesterov } = group;
    const buffers = batch.column('momentumBuffer');
    ops.aten._foreach_lerp_(buffers, batch.grads, 1 - momentum);
    const updates = nesterov ? ops.aten._foreach_lerp(batch.grads, buffers, momentum) : buffers;
    ops.aten._foreach_mul_(batch.params, 1 - lr * weightDecay);
    for (const [i, param] of batch.params.entries()) {
      const rate = lr * shapeFactor(param.shape as [number, number], group.adjustLrFn);
      param.add_(orthogonal(updates[i] as Tensor, group), { alpha: -rate });
    }
  }
}

function shapeFactor([rows, columns]: readonly [number, number], fn: MuonGroup['adjustLrFn']): number {
  if (fn === 'match_rms_adamw') return 0.2 * Math.sqrt(Math.max(rows, columns));
  return Math.sqrt(Math.max(1, rows / columns));
}

/** The nearest orthogonal matrix, roughly, by Newton-Schulz iterations on the side that is shorter. */
function orthogonal(update: Tensor, { nsCoefficients, nsSteps, eps }: MuonGroup): Tensor {
  const [a, b, c] = nsCoefficients;
  const [rows, columns] = update.shape as [number, number];
  const half = update.to({ dtype: 'bfloat16', copy: true });
  let x = rows > columns ? half.t() : half;
  x.div_(x.norm().clamp(eps));
  for (let i = 0; i < nsSteps; i++) {
    const gram = x.mm(x.t());
    x = ops.aten.addmm(x, ops.aten.addmm(gram, gram, gram, { beta: b, alpha: c }), x, { beta: a });
  }
  return rows > columns ? x.t() : x;
}
