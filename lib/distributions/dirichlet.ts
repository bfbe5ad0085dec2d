import { checkPositions } from '../options.ts';
import { checkTensor } from '../tensor/check-tensor.ts';
import { ops, type Tensor } from '../tensor/index.ts';
import { Distribution, type DistributionOptions, POSITIVE, SIMPLEX } from './distribution.ts';

/**
 * Probabilities of K classes, by their `concentration` (..., K).
 *
 * @example
 * new distributions.Dirichlet(ones([3])).sample([2]); // (2, 3), rows with a sum of 1
 */
export class Dirichlet extends Distribution {
  readonly concentration: Tensor;

  constructor(concentration: Tensor, options: DistributionOptions = {}) {
    checkPositions('Dirichlet', arguments, 2);
    checkTensor('Dirichlet', 'concentration', concentration);
    if (concentration.dim() < 1)
      throw new RangeError(
        'Expected a concentration of Dirichlet with a dimension of classes, got a tensor of none',
      );
    super(concentration.shape.slice(0, -1), concentration.shape.slice(-1), options);
    this.concentration = concentration;
    this.checkParameter('concentration', concentration, POSITIVE);
  }

  get #total(): Tensor {
    return this.concentration.sum([-1], { keepdim: true });
  }

  protected override get parameters(): Record<string, Tensor> {
    return { concentration: this.concentration };
  }

  get mean(): Tensor {
    return this.concentration.div(this.#total);
  }
  get mode(): Tensor {
    const above = ops.aten.clamp(this.concentration.sub(1), 0);
    const mode = above.div(above.sum([-1], { keepdim: true }));
    const isFlat = this.concentration.lt(1).all(-1, true);
    const corner = ops.aten.one_hot(mode.argmax(-1), this.eventShape[0]).to(mode.dtype);
    return ops.aten.where(isFlat, corner, mode);
  }
  get variance(): Tensor {
    const total = this.#total;
    const rest = total.sub(this.concentration);
    return this.concentration.mul(rest).div(total.pow(2).mul(total.add(1)));
  }

  protected draw(shape: number[]): Tensor {
    return ops.aten._sample_dirichlet(this.concentration.expand(shape));
  }

  override rsample(sampleShape: readonly number[] = []): Tensor {
    const concentration = this.concentration.expand(this.extended(sampleShape));
    const fixed = concentration.detach();
    const x = ops.aten._sample_dirichlet(fixed);
    if (!concentration.requiresGrad) return x;
    const slope = ops.aten._dirichlet_grad(x, fixed, fixed.sum([-1], { keepdim: true }).expandAs(fixed));
    // Zero, with the derivative of the draw by the concentration.
    const step = slope.mul(concentration.sub(fixed));
    return x.add(step).sub(x.mul(step.sum([-1], { keepdim: true })));
  }

  logProb(value: Tensor): Tensor {
    checkPositions('Dirichlet.logProb', arguments, 1);
    this.checkValue(value, SIMPLEX);
    const { concentration } = this;
    return ops.aten
      .xlogy(concentration.sub(1), value)
      .sum([-1])
      .add(concentration.sum([-1]).lgamma())
      .sub(concentration.lgamma().sum([-1]));
  }

  entropy(): Tensor {
    const { concentration } = this;
    const k = this.eventShape[0] as number;
    const total = concentration.sum([-1]);
    return concentration
      .lgamma()
      .sum([-1])
      .sub(total.lgamma())
      .sub(total.rsub(k).mul(total.digamma()))
      .sub(concentration.sub(1).mul(concentration.digamma()).sum([-1]));
  }
}
