import { keep, Tensor, tensor } from '../../../tensor/index.ts';
import type { State } from '../../base/batch.ts';
import type { StateValue } from '../../base/state.ts';

/**
 * What LBFGS remembers: the last changes of gradient and parameters, from which the direction follows. It is kept as
 * the state of the first parameter, as in PyTorch.
 */
export class History {
  readonly #state: State;
  readonly #size: number;
  /** What the direction is multiplied by. */
  rate: number;
  #direction: Tensor | undefined;
  #lastGradient: Tensor | undefined;
  #lastLoss: number | undefined;
  #scale: Tensor | number;
  readonly #changes: Tensor[];
  readonly #steps: Tensor[];
  readonly #inverses: Tensor[];
  #factors: (Tensor | null)[] | undefined;

  constructor(all: Map<Tensor, State>, first: Tensor, size: number) {
    const state = all.get(first) ?? { funcEvals: 0, nIter: 0 };
    all.set(first, state);
    this.#state = state;
    this.#size = size;
    this.rate = numberOf(state.t) ?? 0;
    this.#direction = state.d as Tensor | undefined;
    this.#lastGradient = state.prevFlatGrad as Tensor | undefined;
    this.#lastLoss = numberOf(state.prevLoss);
    this.#scale = (state.HDiag as Tensor | number | undefined) ?? 1;
    this.#changes = listOf(state.oldDirs);
    this.#steps = listOf(state.oldStps);
    this.#inverses = listOf(state.ro);
  }

  /** Iterations of all steps so far. */
  get iterations(): number {
    return this.#state.nIter as number;
  }

  count(what: 'funcEvals' | 'nIter', by: number): void {
    this.#state[what] = ((this.#state[what] as number | undefined) ?? 0) + by;
  }

  /** The direction of the next iteration; the history takes up what the last one did. */
  direction({ gradient, loss }: { gradient: Tensor; loss: number }): Tensor {
    this.count('nIter', 1);
    if (this.iterations === 1) this.#direction = gradient.neg();
    else {
      this.#remember(gradient.sub(this.#lastGradient as Tensor), (this.#direction as Tensor).mul(this.rate));
      this.#direction = this.#approximate(gradient);
    }
    this.#lastGradient = gradient.clone();
    this.#lastLoss = loss;
    return this.#direction;
  }

  /** Only changes along which the gradient grows keep the approximation positive. */
  #remember(change: Tensor, step: Tensor): void {
    const product = change.dot(step);
    if ((product.item() as number) <= 1e-10) return;
    for (const list of [this.#changes, this.#steps, this.#inverses]) {
      if (list.length === this.#size) list.shift();
    }
    this.#changes.push(change);
    this.#steps.push(step);
    this.#inverses.push(product.reciprocal());
    this.#scale = product.div(change.dot(change));
  }

  /** The inverse Hessian, as far as it is known, times the negative gradient: the two loops of L-BFGS. */
  #approximate(gradient: Tensor): Tensor {
    const count = this.#changes.length;
    const factors: Tensor[] = [];
    const q = gradient.neg();
    for (let i = count - 1; i >= 0; i--) {
      const factor = (this.#steps[i] as Tensor).dot(q).mul(this.#inverses[i] as Tensor);
      factors[i] = factor;
      q.add_(this.#changes[i] as Tensor, { alpha: -(factor.item() as number) });
    }
    const r = q.mul(this.#scale as Tensor);
    for (let i = 0; i < count; i++) {
      const factor = (this.#changes[i] as Tensor).dot(r).mul(this.#inverses[i] as Tensor);
      const weight = (factors[i] as Tensor).sub(factor).item() as number;
      r.add_(this.#steps[i] as Tensor, { alpha: weight });
    }
    this.#factors = Array.from({ length: this.#size }, (_, i) => factors[i] ?? null);
    return r;
  }

  /** All that outlives an iteration. */
  get tensors(): Tensor[] {
    const { d, prevFlatGrad, oldDirs, oldStps, ro, al, HDiag } = this.#values;
    return tensorsIn([d, prevFlatGrad, oldDirs, oldStps, ro, al, HDiag]);
  }

  get #values(): State {
    return {
      d: this.#direction,
      t: this.rate,
      oldDirs: [...this.#changes],
      oldStps: [...this.#steps],
      ro: [...this.#inverses],
      HDiag: this.#scale,
      prevFlatGrad: this.#lastGradient,
      prevLoss: this.#lastLoss,
      ...(this.#factors === undefined ? {} : { al: this.#factors }),
    } as State;
  }

  /** Puts everything into the state, where it outlives the step; what it takes the place of goes. */
  save(): void {
    const before = tensorsIn(Object.values(this.#state));
    Object.assign(this.#state, this.#values);
    const now = new Set(tensorsIn(Object.values(this.#state)));
    for (const tensor of now) keep(tensor);
    for (const tensor of before) if (!now.has(tensor)) tensor.dispose();
  }
}

const numberOf = (value: StateValue): number | undefined =>
  value instanceof Tensor ? (value.item() as number) : (value as number | undefined);

/** Numbers may stand for 0-dim tensors in files of PyTorch. */
function listOf(value: StateValue): Tensor[] {
  const items = Array.isArray(value) ? (value as readonly StateValue[]) : [];
  return items.map((item) => (item instanceof Tensor ? item : tensor(item as number)));
}

function tensorsIn(values: readonly StateValue[]): Tensor[] {
  return values.flatMap((value) => {
    if (Array.isArray(value)) return tensorsIn(value as readonly StateValue[]);
    return value instanceof Tensor ? [value] : [];
  });
}
