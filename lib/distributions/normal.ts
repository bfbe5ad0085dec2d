import { checkPositions } from '../options.ts';
import { checkTensor } from '../tensor/check-tensor.ts';
import { ops, type Tensor } from '../tensor/index.ts';
import { broadcastAll, Distribution, type DistributionOptions, POSITIVE, REAL } from './distribution.ts';

const HALF_LOG_2_PI = 0.5 * Math.log(2 * Math.PI);

/**
 * Normal distribution of mean `loc` and standard deviation `scale`.
 *
 * @example
 * const noise = new distributions.Normal(0, tensor([1, 2])).sample([3]); // (3, 2)
 */
export class Normal extends Distribution {
  readonly loc: Tensor;
  readonly scale: Tensor;

  constructor(loc: Tensor | number, scale: Tensor | number, options: DistributionOptions = {}) {
    checkPositions('Normal', arguments, 3);
    const [mean, deviation] = broadcastAll('Normal', { loc, scale }) as [Tensor, Tensor];
    super(mean.shape, [], options);
    this.loc = mean;
    this.scale = deviation;
    this.checkParameter('loc', mean, REAL);
    this.checkParameter('scale', deviation, POSITIVE);
  }

  protected override get parameters(): Record<string, Tensor> {
    return { loc: this.loc, scale: this.scale };
  }

  get mean(): Tensor {
    return this.loc;
  }
  get mode(): Tensor {
    return this.loc;
  }
  override get stddev(): Tensor {
    return this.scale;
  }
  get variance(): Tensor {
    return this.scale.pow(2);
  }

  override rsample(sampleShape: readonly number[] = []): Tensor {
    const shape = this.extended(sampleShape);
    const { dtype, device } = this.loc;
    const zero = ops.aten.zeros(shape, { dtype, device });
    return this.loc.add(ops.aten.normal(zero, ops.aten.ones(shape, { dtype, device })).mul(this.scale));
  }

  protected draw(shape: number[]): Tensor {
    return ops.aten.normal(this.loc.expand(shape), this.scale.expand(shape));
  }

  logProb(value: Tensor): Tensor {
    checkPositions('Normal.logProb', arguments, 1);
    this.checkValue(value, REAL);
    const deviation = value.sub(this.loc).pow(2).neg();
    return deviation.div(this.variance.mul(2)).sub(this.scale.log()).sub(HALF_LOG_2_PI);
  }

  /** Probability of values up to `value`. */
  cdf(value: Tensor): Tensor {
    checkPositions('Normal.cdf', arguments, 1);
    this.checkValue(value, REAL, 'cdf');
    const ratio = value.sub(this.loc).mul(this.scale.reciprocal()).div(Math.sqrt(2));
    return ratio.erf().add(1).mul(0.5);
  }

  /** The value whose `cdf` is `probability`. */
  icdf(probability: Tensor): Tensor {
    checkPositions('Normal.icdf', arguments, 1);
    checkTensor('Normal.icdf', 'probability', probability);
    return this.loc.add(this.scale.mul(probability.mul(2).sub(1).erfinv()).mul(Math.sqrt(2)));
  }

  entropy(): Tensor {
    return this.scale.log().add(0.5 + HALF_LOG_2_PI);
  }
}
