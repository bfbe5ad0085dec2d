import { checkPositions } from '../options.ts';
import { ops, type Tensor } from '../tensor/index.ts';
import { BOOLEAN, Distribution, type DistributionOptions, REAL, UNIT_INTERVAL } from './distribution.ts';
import { clampProbs, type ProbsOrLogits, readParameter } from './probabilities.ts';

const NONE = 0;

/**
 * 1 with probability `probs`, else 0.
 *
 * @param parameter The probability, or `{ probs }` or `{ logits }`.
 * @example
 * new distributions.Bernoulli({ logits: zeros([3]) }).sample(); // (3)
 */
export class Bernoulli extends Distribution {
  readonly #value: Tensor;
  readonly #isLogits: boolean;

  constructor(parameter: Tensor | number | ProbsOrLogits, options: DistributionOptions = {}) {
    checkPositions('Bernoulli', arguments, 2);
    const { value, isLogits } = readParameter('Bernoulli', parameter);
    super(value.shape, [], options);
    this.#value = value;
    this.#isLogits = isLogits;
    this.checkParameter(isLogits ? 'logits' : 'probs', value, isLogits ? REAL : UNIT_INTERVAL);
  }

  get probs(): Tensor {
    return this.#isLogits ? this.#value.sigmoid() : this.#value;
  }

  get logits(): Tensor {
    if (this.#isLogits) return this.#value;
    const probs = clampProbs(this.#value);
    return probs.log().sub(probs.neg().log1p());
  }

  protected override get parameters(): Record<string, Tensor> {
    return { [this.#isLogits ? 'logits' : 'probs']: this.#value };
  }

  get mean(): Tensor {
    return this.probs;
  }
  /** 1, 0, or NaN where both are as probable. */
  get mode(): Tensor {
    const { probs } = this;
    return ops.aten.where(probs.eq(0.5), Number.NaN, probs.ge(0.5).to(probs.dtype));
  }
  get variance(): Tensor {
    const { probs } = this;
    return probs.mul(probs.rsub(1));
  }

  protected draw(shape: number[]): Tensor {
    return ops.aten.bernoulli(this.probs.expand(shape));
  }

  logProb(value: Tensor): Tensor {
    checkPositions('Bernoulli.logProb', arguments, 1);
    this.checkValue(value, BOOLEAN);
    const [logits, target] = ops.aten.broadcast_tensors([this.logits, value]) as [Tensor, Tensor];
    return ops.aten.binary_cross_entropy_with_logits(logits, target.to(logits.dtype), null, null, NONE).neg();
  }

  entropy(): Tensor {
    return ops.aten.binary_cross_entropy_with_logits(this.logits, this.probs, null, null, NONE);
  }
}
