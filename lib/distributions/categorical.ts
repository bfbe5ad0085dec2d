import { checkPositions } from '../options.ts';
import { full, ops, type Tensor } from '../tensor/index.ts';
import { Distribution, type DistributionOptions, REAL, SIMPLEX } from './distribution.ts';
import { clampProbs, type ProbsOrLogits, readParameter } from './probabilities.ts';

/**
 * One of the numbers from 0 to K - 1.
 *
 * @param parameter Probabilities (..., K), which need not sum to 1; or `{ probs }` or `{ logits }`.
 * @example
 * new distributions.Categorical({ logits: zeros([2, 10]) }).sample([5]); // (5, 2), int64
 */
export class Categorical extends Distribution {
  /** Probabilities, with a sum of 1. */
  readonly probs: Tensor;
  /** Logarithms of probabilities. */
  readonly logits: Tensor;
  readonly #isLogits: boolean;

  constructor(parameter: Tensor | ProbsOrLogits, options: DistributionOptions = {}) {
    checkPositions('Categorical', arguments, 2);
    const { value, isLogits } = readParameter('Categorical', parameter);
    if (value.dim() < 1)
      throw new RangeError(
        `Expected ${isLogits ? 'logits' : 'probs'} of Categorical with a dimension of classes, got a tensor of none`,
      );
    super(value.shape.slice(0, -1), [], options);
    this.#isLogits = isLogits;
    if (isLogits) {
      this.checkParameter('logits', value, REAL);
      this.logits = value.sub(ops.aten.logsumexp(value, [-1], true));
      this.probs = ops.aten.softmax(this.logits, -1);
    } else {
      this.probs = value.div(value.sum([-1], { keepdim: true }));
      this.checkParameter('probs', this.probs, SIMPLEX);
      this.logits = clampProbs(this.probs).log();
    }
  }

  protected override get parameters(): Record<string, Tensor> {
    return this.#isLogits ? { logits: this.logits } : { probs: this.probs };
  }

  get #classes(): number {
    return this.probs.shape.at(-1) as number;
  }

  /** NaN: classes have no order. */
  get mean(): Tensor {
    return full([...this.batchShape], Number.NaN, { dtype: this.probs.dtype, device: this.probs.device });
  }
  get mode(): Tensor {
    return this.probs.argmax(-1);
  }
  get variance(): Tensor {
    return this.mean;
  }

  protected draw(shape: number[]): Tensor {
    const count = shape.slice(0, shape.length - this.batchShape.length).reduce((a, b) => a * b, 1);
    const drawn = ops.aten.multinomial(this.probs.reshape([-1, this.#classes]), count, true);
    return drawn.t().reshape(shape);
  }

  logProb(value: Tensor): Tensor {
    checkPositions('Categorical.logProb', arguments, 1);
    const last = this.#classes - 1;
    const isClass = (x: Tensor) => x.remainder(1).eq(0).logicalAnd(x.ge(0)).logicalAnd(x.le(last));
    this.checkValue(value, [`integers from 0 to ${last}`, isClass]);
    const [index, logits] = ops.aten.broadcast_tensors([value.to('int64').unsqueeze(-1), this.logits]) as [
      Tensor,
      Tensor,
    ];
    return logits.gather(-1, index.narrow(-1, 0, 1)).squeeze(-1);
  }

  entropy(): Tensor {
    // Not below the least number of the dtype: 0 times it is 0, where minus infinity would give NaN.
    const least = { float16: -65504, bfloat16: -3.3895313892515355e38, float64: -Number.MAX_VALUE }[
      this.logits.dtype as string
    ];
    const logits = ops.aten.clamp(this.logits, least ?? -3.4028234663852886e38);
    return logits.mul(this.probs).sum([-1]).neg();
  }
}
