import { checkOptions, checkPositions } from '../options.ts';
import { enableGrad, keep, noGrad, ops, scope, type Tensor } from '../tensor/index.ts';
import { demanded, FINITE, FLAG, NOT_NEGATIVE } from './checks.ts';
import { Optimizer, type ParamGroup, type ParamsInput } from './optimizer.ts';

/** Options of SGD, for the optimizer or for one group. */
export interface SGDOptions {
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

const OPTIONS = ['lr', 'momentum', 'dampening', 'weightDecay', 'nesterov', 'maximize'];
/** Part of PyTorch's layout; its readers choose their own implementation. */
const PYTORCH_KEYS = { foreach: null, differentiable: false, fused: null };

/** Tensors that one fused call updates together. */
interface Batch {
  params: Tensor[];
  grads: Tensor[];
  buffers: Tensor[];
  first: boolean;
}

/**
 * Stochastic gradient descent, as torch.optim.SGD with `fused=True`: one libtorch call updates a whole group.
 *
 * @throws RangeError on negative values, or Nesterov without momentum.
 * @example
 * const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9, weightDecay: 1e-4 });
 * optimizer.zeroGrad();
 * loss.backward();
 * optimizer.step();
 */
export class SGD extends Optimizer<SGDGroup> {
  constructor(params: ParamsInput<SGDGroup>, options: SGDOptions = {}) {
    checkPositions('SGD', arguments, 2);
    checkOptions('SGD', options, OPTIONS);
    const {
      lr = 1e-3,
      momentum = 0,
      dampening = 0,
      weightDecay = 0,
      nesterov = false,
      maximize = false,
    } = options;
    super(params, { lr, momentum, dampening, weightDecay, nesterov, maximize, ...PYTORCH_KEYS });
  }

  override get stepSupportsAmpScaling(): boolean {
    return true;
  }

  protected get stateNames(): readonly string[] {
    return ['momentum_buffer'];
  }

  protected checkGroup(group: SGDGroup): void {
    for (const name of ['lr', 'momentum', 'weightDecay'] as const)
      demanded('SGD', name, group[name], NOT_NEGATIVE);
    demanded('SGD', 'dampening', group.dampening, FINITE);
    for (const name of ['nesterov', 'maximize'] as const) demanded('SGD', name, group[name], FLAG);
    if (group.nesterov && (group.momentum <= 0 || group.dampening !== 0)) {
      const got = `momentum ${group.momentum}, dampening ${group.dampening}`;
      throw new RangeError(`Expected momentum above 0 and no dampening for SGD with nesterov, got ${got}`);
    }
  }

  step<T>(closure?: () => T): T | undefined {
    const loss = closure === undefined ? undefined : enableGrad(closure);
    noGrad(() =>
      scope(() => {
        for (const group of this.paramGroups) this.#stepGroup(group);
      }),
    );
    this.stepped = true;
    return loss;
  }

  #stepGroup(group: ParamGroup<SGDGroup>): void {
    if (this.#isLeftOut(group)) return;
    const batches = new Map<string, Batch>();
    for (const param of group.params) {
      const { grad } = param;
      if (grad !== null) this.#addToBatch(batches, group, param, grad);
    }
    for (const { params, grads, buffers, first } of batches.values()) {
      ops.aten._fused_sgd_(params, grads, buffers, {
        weight_decay: group.weightDecay,
        momentum: group.momentum,
        lr: group.lr,
        dampening: group.dampening,
        nesterov: group.nesterov,
        maximize: group.maximize,
        is_first_step: first,
        ...this.#scaling(params[0] as Tensor),
      });
    }
  }

  /**
   * Whether a step that GradScaler found inf in must not even make momentum buffers: the kernel leaves them unwritten.
   * Only then does the host wait for the device; in later steps the kernel decides by itself.
   */
  #isLeftOut(group: ParamGroup<SGDGroup>): boolean {
    if (this.foundInf === null || group.momentum === 0) return false;
    const isNew = (param: Tensor) => param.grad !== null && !this.state.get(param)?.momentumBuffer;
    return group.params.some(isNew) && this.foundInf.item() !== 0;
  }

  /** What GradScaler set, on the device of a batch. */
  #scaling({ device }: Tensor): { grad_scale?: Tensor; found_inf?: Tensor } {
    const { gradScale, foundInf } = this;
    return {
      ...(gradScale === null ? {} : { grad_scale: gradScale.to(device) }),
      ...(foundInf === null ? {} : { found_inf: foundInf.to(device) }),
    };
  }

  /** A call takes one device and dtype, and parameters that all have momentum already or all do not. */
  #addToBatch(batches: Map<string, Batch>, group: SGDGroup, param: Tensor, grad: Tensor): void {
    const buffer = group.momentum === 0 ? undefined : this.state.get(param)?.momentumBuffer;
    const first = group.momentum !== 0 && !buffer;
    const key = `${param.device} ${param.dtype} ${first}`;
    const batch = batches.get(key) ?? { params: [], grads: [], buffers: [], first };
    batches.set(key, batch);
    batch.params.push(param);
    batch.grads.push(alignedTo(param, grad));
    if (group.momentum !== 0) batch.buffers.push((buffer as Tensor) || this.#newBuffer(param));
  }

  #newBuffer(param: Tensor): Tensor {
    const momentumBuffer = keep(ops.aten.empty_like(param));
    this.state.set(param, { ...this.state.get(param), momentumBuffer });
    return momentumBuffer;
  }
}

/** The CPU kernel walks memory, so a gradient set by hand must get the parameter's layout first. */
function alignedTo(param: Tensor, grad: Tensor): Tensor {
  const strides = grad.stride();
  if (param.stride().every((step, i) => step === strides[i])) return grad;
  return ops.aten.copy_(ops.aten.empty_like(param), grad);
}
