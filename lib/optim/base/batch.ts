import { isComplex, ops, Tensor } from '../../tensor/index.ts';
import type { StateValue } from './state.ts';

/** What an optimizer remembers about one parameter. */
export type State = Record<string, StateValue>;

/**
 * Parameters of a group that one call of libtorch updates: of one device and dtype, with a dense gradient. Complex
 * tensors are in it as views of pairs of real numbers, so rules change tensors in place only.
 */
export class Batch {
  readonly params: Tensor[] = [];
  readonly grads: Tensor[] = [];
  readonly states: State[] = [];
  readonly #owner: string;
  /** What the optimizer tells batches apart by, besides device and dtype. */
  readonly kind: string;

  constructor(owner: string, kind: string) {
    this.#owner = owner;
    this.kind = kind;
  }

  add(param: Tensor, grad: Tensor, state: State): void {
    const isPair = isComplex(param.dtype);
    this.params.push(isPair ? ops.aten.view_as_real(param) : param);
    this.grads.push(isPair ? ops.aten.view_as_real(grad) : grad);
    this.states.push(isPair ? realViews(state) : state);
  }

  /** The entries `name` of all states. */
  column(name: string): Tensor[] {
    return this.states.map((state) => {
      const value = state[name];
      if (value instanceof Tensor) return value;
      throw new RangeError(
        `Expected "${name}" in the state of each parameter for ${this.#owner}, got none; set options that need it before the first step`,
      );
    });
  }

  /** Adds one to every step counter, and gives the counters. */
  countSteps(): Tensor[] {
    const steps = this.column('step');
    ops.aten._foreach_add_(steps, 1);
    return steps;
  }

  /** Adds one to every step counter, and gives the counts. */
  stepNumbers(): number[] {
    return this.countSteps().map((step) => step.item() as number);
  }

  /** The gradients, turned round for `maximize`, with the L2 penalty added; new tensors where that changes anything. */
  pulls(options: PullOptions): Tensor[] {
    return pullsOf(this.params, this.grads, options);
  }

  /** As `pulls`, or with `decoupledWeightDecay` the parameters themselves shrunk. */
  decayedPulls(options: DecayOptions): Tensor[] {
    return decayedPulls(this.params, this.grads, options);
  }
}

interface PullOptions {
  readonly maximize: boolean;
  readonly weightDecay?: number;
}

function pullsOf(params: Tensor[], grads: Tensor[], { maximize, weightDecay = 0 }: PullOptions): Tensor[] {
  const pulls = maximize ? ops.aten._foreach_neg(grads) : grads;
  return weightDecay === 0 ? pulls : ops.aten._foreach_add(pulls, params, { alpha: weightDecay });
}

/** `Batch.decayedPulls` of some parameters. */
export function decayedPulls(params: Tensor[], grads: Tensor[], options: DecayOptions): Tensor[] {
  const { lr, weightDecay, decoupledWeightDecay, maximize } = options;
  if (decoupledWeightDecay && weightDecay !== 0) ops.aten._foreach_mul_(params, 1 - lr * weightDecay);
  return pullsOf(params, grads, { maximize, weightDecay: decoupledWeightDecay ? 0 : weightDecay });
}

/** What optimizers with a choice of weight decay have. */
interface DecayOptions {
  readonly lr: number;
  readonly weightDecay: number;
  readonly decoupledWeightDecay: boolean;
  readonly maximize: boolean;
}

function realViews(state: State): State {
  const views = Object.entries(state).map(([name, value]) => [
    name,
    value instanceof Tensor && isComplex(value.dtype) ? ops.aten.view_as_real(value) : value,
  ]);
  return Object.fromEntries(views);
}
