import { describeValue } from '../../options.ts';
import { empty, ops, rand, randint, randperm, scope, type Tensor, tensor } from '../../tensor/index.ts';
import { sampleGenerator } from '../sample-generator.ts';
import { ImageTransform } from './transform.ts';

/** A float32 from [low, high): torch.empty(1).uniform_(low, high). */
export function uniform(low: number, high: number): number {
  return scope(() => empty([1]).uniform_(low, high, { generator: sampleGenerator() }).item() as number);
}

/** A float32 from [0, 1): torch.rand(1). */
export function randomFraction(): number {
  return scope(() => rand([], { generator: sampleGenerator() }).item() as number);
}

/** An integer in [low, high): torch.randint(low, high, ()). */
export function randomInteger(low: number, high: number): number {
  return scope(() => Number(randint(low, high, [], { generator: sampleGenerator() }).item()));
}

/** A random order of 0 to `count` - 1: torch.randperm(count). */
export function randomOrder(count: number): number[] {
  return scope(() =>
    Array.from(randperm(count, { generator: sampleGenerator() }).data() as BigInt64Array, Number),
  );
}

/** An index with probability in proportion to `weights`: torch.multinomial(weights, 1). */
export function randomIndex(weights: readonly number[]): number {
  return scope(() =>
    Number(
      tensor([...weights], { dtype: 'float32' })
        .multinomial(1, false, { generator: sampleGenerator() })
        .item(),
    ),
  );
}

/** A sample of the Dirichlet distribution: torch._sample_dirichlet. */
export function dirichlet(concentration: Tensor): Tensor {
  const generator = sampleGenerator();
  if (generator === null) return ops.aten._sample_dirichlet(concentration, null);
  const drawn = ops.aten._sample_dirichlet(concentration.to('cpu'), generator); // samples draw on the CPU
  return drawn.to(concentration.device);
}

/** Whether an event of probability `p` does not happen; torch compares in float32. */
export function isSpared(p: number): boolean {
  return randomFraction() >= Math.fround(p);
}

/** The exponential of a float32 between the logarithms of two ratios, as torchvision draws ratios. */
export function randomRatio([low, high]: readonly [number, number]): number {
  const log = (ratio: number) => Math.fround(Math.log(Math.fround(ratio)));
  return scope(
    () => empty([1]).uniform_(log(low), log(high), { generator: sampleGenerator() }).exp().item() as number,
  );
}

/** A probability. */
export function probability(p: unknown, name: string): number {
  if (typeof p === 'number' && p >= 0 && p <= 1) return p;
  throw new RangeError(`Expected 0 to 1 for ${name} p, got ${describeValue(p)}`);
}

/** What happens to an image with probability `p`, and otherwise leaves it as it is. */
export abstract class RandomApplied<Params = undefined> extends ImageTransform<Params | null> {
  readonly p: number;

  constructor(p: number) {
    super();
    this.p = probability(p, new.target.name);
  }

  override makeParams(image: Tensor): Params | null {
    return isSpared(this.p) ? null : this.drawParams(image);
  }

  override transform(image: Tensor, params: Params | null): Tensor {
    return params === null ? image : this.change(image, params);
  }

  override transformMask(mask: Tensor, params: Params | null): Tensor {
    return params === null ? mask : this.changeMask(mask, params);
  }

  /** Draws what the change needs. */
  protected drawParams(_image: Tensor): Params {
    return undefined as Params;
  }

  protected abstract change(image: Tensor, params: Params): Tensor;

  /** By default a mask stays. */
  protected changeMask(mask: Tensor, _params: Params): Tensor {
    return mask;
  }
}
