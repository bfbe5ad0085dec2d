import { checkPositions } from '../options.ts';
import { ops, type Tensor } from '../tensor/index.ts';
import { Dirichlet } from './dirichlet.ts';
import {
  broadcastAll,
  Distribution,
  type DistributionOptions,
  POSITIVE,
  UNIT_INTERVAL,
} from './distribution.ts';

/**
 * Beta distribution on [0, 1], as mixup draws its weights.
 *
 * @example
 * const weight = new distributions.Beta(0.2, 0.2).sample().item();
 */
export class Beta extends Distribution {
  readonly concentration1: Tensor;
  readonly concentration0: Tensor;
  readonly #dirichlet: Dirichlet;

  constructor(
    concentration1: Tensor | number,
    concentration0: Tensor | number,
    options: DistributionOptions = {},
  ) {
    checkPositions('Beta', arguments, 3);
    const [one, zero] = broadcastAll('Beta', { concentration1, concentration0 }) as [Tensor, Tensor];
    super(one.shape, [], options);
    this.concentration1 = one;
    this.concentration0 = zero;
    this.checkParameter('concentration1', one, POSITIVE);
    this.checkParameter('concentration0', zero, POSITIVE);
    this.#dirichlet = new Dirichlet(ops.aten.stack([one, zero], -1), { validateArgs: false });
  }

  get mean(): Tensor {
    return this.concentration1.div(this.concentration1.add(this.concentration0));
  }
  get mode(): Tensor {
    return this.#dirichlet.mode.select(-1, 0);
  }
  get variance(): Tensor {
    const total = this.concentration1.add(this.concentration0);
    return this.concentration1.mul(this.concentration0).div(total.pow(2).mul(total.add(1)));
  }

  protected draw(shape: number[]): Tensor {
    return this.rsample(shape.slice(0, shape.length - this.batchShape.length));
  }

  override rsample(sampleShape: readonly number[] = []): Tensor {
    return this.#dirichlet.rsample(sampleShape).select(-1, 0);
  }

  logProb(value: Tensor): Tensor {
    checkPositions('Beta.logProb', arguments, 1);
    this.checkValue(value, UNIT_INTERVAL);
    return this.#dirichlet.logProb(ops.aten.stack([value, value.rsub(1)], -1));
  }

  entropy(): Tensor {
    return this.#dirichlet.entropy();
  }
}
