import { isComplex, ops, type Tensor } from '../../../tensor/index.ts';

/** The parameters of LBFGS as one vector; complex numbers count as pairs. */
export class FlatParams {
  readonly #params: readonly Tensor[];

  constructor(params: readonly Tensor[]) {
    this.#params = params;
  }

  /** The gradients in one vector, zeros where there are none. */
  gradient(): Tensor {
    const parts = this.#params.map((param) => {
      const { grad } = param;
      if (grad === null) return ops.aten.zeros_like(param);
      return grad.layout === 'strided' ? grad : grad.toDense();
    });
    return ops.aten.cat(parts.map((part) => realView(part).reshape([-1])));
  }

  /** Moves the parameters by `rate` times a vector. */
  add(rate: number, vector: Tensor): void {
    let offset = 0;
    for (const param of this.#params.map(realView)) {
      const count = param.numel();
      param.add_(vector.narrow(0, offset, count).reshape(param.shape), { alpha: rate });
      offset += count;
    }
  }

  /** Loss and gradient at `rate` times a direction from here; the parameters are back here afterwards. */
  evaluateAt(rate: number, direction: Tensor, evaluate: () => number): { loss: number; gradient: Tensor } {
    const here = this.#params.map((param) => param.detach().clone());
    this.add(rate, direction);
    const found = { loss: evaluate(), gradient: this.gradient() };
    for (const [i, param] of this.#params.entries()) param.copy_(here[i] as Tensor);
    return found;
  }
}

const realView = (x: Tensor): Tensor => (isComplex(x.dtype) ? ops.aten.view_as_real(x) : x);
