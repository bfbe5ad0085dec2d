import { checkOptions, checkPositions } from '../../options.ts';
import { Generator, keep, randint } from '../../tensor/index.ts';
import {
  booleanOr,
  checkSized,
  drawSeed,
  generatorOr,
  numbersOf,
  permutation,
  positive,
  type Sampler,
  type Sized,
} from './sampler.ts';

/** Options of {@link RandomSampler}. */
export interface RandomSamplerOptions {
  /** An index may come again. Default false. */
  replacement?: boolean;
  /** Indices in an epoch. Default the length of the source; more than that begins a new order. */
  numSamples?: number;
  /** Default: one for each epoch, seeded by the default generator. */
  generator?: Generator | null;
}

const AT_ONCE = 32; // torch draws replacements in pieces of this size

/**
 * Indices in a random order, or drawn with replacement: those of torch's `RandomSampler` (2.13) under the same
 * `manualSeed` or generator.
 *
 * @example
 * const sampler = new RandomSampler(folder, { replacement: true, numSamples: 1000 });
 * const loader = new DataLoader(folder, { batchSize: 32, sampler });
 */
export class RandomSampler implements Sampler {
  readonly dataSource: Sized;
  readonly replacement: boolean;
  readonly generator: Generator | null;
  readonly #numSamples: number | undefined;

  constructor(dataSource: Sized, options: RandomSamplerOptions = {}) {
    checkPositions('RandomSampler', arguments, 2);
    checkOptions('RandomSampler', options, ['replacement', 'numSamples', 'generator']);
    checkSized(dataSource, 'RandomSampler dataSource');
    this.dataSource = dataSource;
    this.replacement = booleanOr(false, options.replacement, 'RandomSampler replacement');
    this.generator = generatorOr(options.generator, 'RandomSampler generator');
    this.#numSamples =
      options.numSamples === undefined ? undefined : positive(options.numSamples, 'RandomSampler numSamples');
  }

  /** Looked up anew each time, as a data set may grow. */
  get numSamples(): number {
    return this.#numSamples ?? this.dataSource.length;
  }

  get length(): number {
    return this.numSamples;
  }

  *[Symbol.iterator](): globalThis.Generator<number, void, undefined> {
    const [count, wanted] = [this.dataSource.length, this.numSamples];
    if (wanted === 0) return;
    if (count === 0) throw new RangeError('Expected samples to draw from for RandomSampler, got none');
    const generator = this.generator ?? keep(new Generator().manualSeed(drawSeed(null)));
    const most = this.replacement ? AT_ONCE : count;
    for (let left = wanted; left >= most; left -= most) yield* this.#draw(count, most, generator);
    yield* this.#draw(count, wanted % most, generator); // drawn though it may be empty, as torch does
  }

  #draw(count: number, wanted: number, generator: Generator): number[] {
    if (this.replacement) return numbersOf(() => randint(0, count, [wanted], { generator }));
    return permutation(count, generator).slice(0, wanted);
  }
}

/** Options of {@link SubsetRandomSampler}. */
export interface SubsetRandomSamplerOptions {
  /** Default the default generator. */
  generator?: Generator | null;
}

/** Certain indices in a random order: those of torch's `SubsetRandomSampler` (2.13) under the same seed. */
export class SubsetRandomSampler implements Sampler {
  readonly indices: readonly number[];
  readonly generator: Generator | null;

  constructor(indices: readonly number[], options: SubsetRandomSamplerOptions = {}) {
    checkPositions('SubsetRandomSampler', arguments, 2);
    checkOptions('SubsetRandomSampler', options, ['generator']);
    checkSized(indices, 'SubsetRandomSampler indices');
    this.indices = indices;
    this.generator = generatorOr(options.generator, 'SubsetRandomSampler generator');
  }

  get length(): number {
    return this.indices.length;
  }

  *[Symbol.iterator](): globalThis.Generator<number, void, undefined> {
    for (const at of permutation(this.length, this.generator)) yield this.indices[at] as number;
  }
}
