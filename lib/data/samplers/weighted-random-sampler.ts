import { checkOptions, checkPositions, describeValue } from '../../options.ts';
import { type Generator, Tensor, tensor } from '../../tensor/index.ts';
import { booleanOr, generatorOr, numbersOf, positive, type Sampler } from './sampler.ts';

/** Options of {@link WeightedRandomSampler}. */
export interface WeightedRandomSamplerOptions {
  /** An index may come again. Default true. */
  replacement?: boolean;
  /** Default the default generator. */
  generator?: Generator | null;
}

/**
 * Draws indices with probabilities in proportion to `weights`: those of torch's `WeightedRandomSampler` (2.13) under the
 * same seed.
 *
 * @param weights one for each sample; they need not add up to one
 * @param numSamples indices in an epoch
 * @example
 * const sampler = new WeightedRandomSampler([0.1, 0.1, 0.8], 10); // three samples, the last one most often
 */
export class WeightedRandomSampler implements Sampler {
  readonly weights: readonly number[];
  readonly numSamples: number;
  readonly replacement: boolean;
  readonly generator: Generator | null;

  constructor(
    weights: ArrayLike<number> | Tensor,
    numSamples: number,
    options: WeightedRandomSamplerOptions = {},
  ) {
    checkPositions('WeightedRandomSampler', arguments, 3);
    checkOptions('WeightedRandomSampler', options, ['replacement', 'generator']);
    this.weights = numbers(weights);
    this.numSamples = positive(numSamples, 'WeightedRandomSampler numSamples');
    this.replacement = booleanOr(true, options.replacement, 'WeightedRandomSampler replacement');
    this.generator = generatorOr(options.generator, 'WeightedRandomSampler generator');
    const most = this.weights.filter((weight) => weight > 0).length;
    if (most > 0 && (this.replacement || this.numSamples <= most)) return;
    const wanted = this.replacement ? 1 : this.numSamples;
    throw new RangeError(
      `Expected at least ${wanted} positive numbers for WeightedRandomSampler weights, got ${most}`,
    );
  }

  get length(): number {
    return this.numSamples;
  }

  *[Symbol.iterator](): globalThis.Generator<number, void, undefined> {
    yield* numbersOf(() =>
      tensor([...this.weights], { dtype: 'float64' }).multinomial(this.numSamples, this.replacement, {
        generator: this.generator,
      }),
    );
  }
}

function numbers(weights: ArrayLike<number> | Tensor): number[] {
  if (weights instanceof Tensor && weights.dim() !== 1) {
    throw new RangeError(
      `Expected one dimension for WeightedRandomSampler weights, got [${weights.shape.join(', ')}]`,
    );
  }
  if (typeof weights !== 'object' || weights === null) {
    throw new TypeError(
      `Expected an array or a tensor for WeightedRandomSampler weights, got ${describeValue(weights)}`,
    );
  }
  const all =
    weights instanceof Tensor
      ? (weights.double().toArray() as number[])
      : Array.from(weights, (value) => value);
  const bad = all.findIndex((value) => !(typeof value === 'number' && value >= 0 && value < Infinity));
  if (bad < 0) return all;
  throw new RangeError(
    `Expected finite numbers of at least 0 for WeightedRandomSampler weights, got ${all[bad]} at ${bad}`,
  );
}
