import { checkPositions } from '../../options.ts';
import { keep, ops, scope, type Tensor } from '../../tensor/index.ts';
import type { Batch, State } from '../base/batch.ts';
import { BatchedOptimizer } from '../base/batched-optimizer.ts';
import { alignedGrads, scalingOf } from '../base/fused.ts';
import {
  DIFFERENTIABLE,
  type DifferentiableOptions,
  FOREACH,
  FUSED,
  type FusedOptions,
  type OptionTable,
} from '../base/option-table.ts';
import type { ParamGroup, ParamsInput } from '../base/params.ts';
import type { StateLayout } from '../base/state.ts';
import { FINITE, FLAG, NOT_NEGATIVE } from '../checks.ts';

/** Options of SGD, for the optimizer or for one group. */
export interface SGDOptions extends FusedOptions, DifferentiableOptions {
  /** Learning rate. Default 1e-3. */
  lr?: number;
  /** Default 0. */
  momentum?: number;
  /** Damping of the momentum. Default 0. */
  dampening?: number;
  /** L2 penalty. Default 0. */
  weightDecay?: number;
  /** Nesterov momentum; needs momentum and no dampening. Default false. */
  nesterov?: boolean;
  /** Climb instead of descend. Default false. */
  maximize?: boolean;
}

type SGDGroup = Required<SGDOptions>;

/** Numbers in a vector of AVX-512, two vectors of AVX2. */
const WIDEST = 16;

const TABLE: OptionTable<SGDGroup> = {
  lr: [1e-3, NOT_NEGATIVE],
  momentum: [0, NOT_NEGATIVE],
  dampening: [0, FINITE],
  weightDecay: [0, NOT_NEGATIVE],
  nesterov: [false, FLAG],
  maximize: [false, FLAG],
  foreach: FOREACH,
  differentiable: DIFFERENTIABLE,
  fused: FUSED,
};

/**
 * Stochastic gradient descent, as torch.optim.SGD (2.13): one libtorch call updates a whole group, with the numbers of
 * Python's default on the CPU (those of `fused=True` with `fused: true`). Sparse gradients go the way of Python's for-loop, which is the only one that takes them.
 *
 * @throws RangeError on negative values, or Nesterov without momentum.
 * @example
 * const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9, weightDecay: 1e-4 });
 * optimizer.zeroGrad();
 * loss.backward();
 * optimizer.step();
 */
export class SGD extends BatchedOptimizer<SGDGroup> {
  constructor(params: ParamsInput<SGDGroup>, options: SGDOptions = {}) {
    checkPositions('SGD', arguments, 2);
    super('SGD', params, options, TABLE);
  }

  override get stepSupportsAmpScaling(): boolean {
    return true;
  }

  protected get table(): OptionTable<SGDGroup> {
    return TABLE;
  }

  protected get stateLayout(): StateLayout {
    return { names: ['momentum_buffer'] };
  }

  protected override checkGroup(group: SGDGroup): void {
    super.checkGroup(group);
    if (group.nesterov && (group.momentum <= 0 || group.dampening !== 0)) {
      const got = `momentum ${group.momentum}, dampening ${group.dampening}`;
      throw new RangeError(`Expected momentum above 0 and no dampening for SGD with nesterov, got ${got}`);
    }
  }

  protected override stepGroup(group: ParamGroup<SGDGroup>): void {
    if (!this.#isLeftOut(group)) super.stepGroup(group);
  }

  /**
   * Whether a step that GradScaler found inf in must not even make momentum buffers: the kernel leaves them unwritten.
   * Only then does the host wait for the device; in later steps the kernel decides by itself.
   */
  #isLeftOut(group: ParamGroup<SGDGroup>): boolean {
    if (this.foundInf === null) return false;
    const isNew = (param: Tensor) => param.grad !== null && this.kindOf(param, group) === 'first';
    return group.params.some(isNew) && this.foundInf.item() !== 0;
  }

  /** A call takes parameters that all have momentum already or all do not. */
  protected override kindOf(param: Tensor, { momentum }: SGDGroup): string {
    return momentum !== 0 && !this.state.get(param)?.momentumBuffer ? 'first' : '';
  }

  protected initialState(param: Tensor): State {
    return { momentumBuffer: keep(ops.aten.empty_like(param)) };
  }

  protected override stateOf(param: Tensor, group: ParamGroup<SGDGroup>): State {
    const state = this.state.get(param);
    if (group.momentum === 0) return state ?? {};
    if (state?.momentumBuffer) return state;
    const made = { ...state, ...this.initialState(param) };
    this.state.set(param, made);
    return made;
  }

  protected update(batch: Batch, group: ParamGroup<SGDGroup>): void {
    const buffers = group.momentum === 0 ? [] : batch.column('momentumBuffer');
    ops.aten._fused_sgd_(batch.params, alignedGrads(batch), buffers, {
      weight_decay: group.weightDecay,
      momentum: group.momentum,
      lr: group.lr,
      dampening: group.dampening,
      nesterov: group.nesterov,
      maximize: group.maximize,
      is_first_step: batch.kind === 'first',
      ...scalingOf(this, batch),
    });
  }

  /**
   * The CPU's fused kernel computes what is left behind the last whole vector in double precision, the for-loop that Python
   * takes by default does not; everything else is the same to the last bit.
   */
  protected override goesAlone(param: Tensor, { fused }: ParamGroup<SGDGroup>): boolean {
    const isOurs = fused !== true && this.foundInf === null && this.gradScale === null;
    return isOurs && param.device === 'cpu' && param.isFloatingPoint() && param.numel() % WIDEST !== 0;
  }

  protected override updateAlone(param: Tensor, grad: Tensor, group: ParamGroup<SGDGroup>): void {
    scope(() => this.updateSparse(param, grad, group));
  }

  protected override updateSparse(param: Tensor, grad: Tensor, group: ParamGroup<SGDGroup>): void {
    const climbed = group.maximize ? grad.neg() : grad;
    const pull = group.weightDecay === 0 ? climbed : climbed.add(param, { alpha: group.weightDecay });
    param.add_(group.momentum === 0 ? pull : this.#withMomentum(param, pull, group), { alpha: -group.lr });
  }

  #withMomentum(param: Tensor, pull: Tensor, group: ParamGroup<SGDGroup>): Tensor {
    const { momentum, dampening, nesterov } = group;
    let buffer = this.state.get(param)?.momentumBuffer as Tensor | null | undefined;
    if (buffer) buffer.mul_(momentum).add_(pull, { alpha: 1 - dampening });
    else {
      buffer = keep(pull.clone());
      this.state.set(param, { ...this.state.get(param), momentumBuffer: buffer });
    }
    return nesterov ? pull.add(buffer, { alpha: momentum }) : buffer;
  }
}
