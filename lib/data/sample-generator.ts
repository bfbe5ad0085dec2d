import { AsyncLocalStorage } from 'node:async_hooks';
import { checkPositions } from '../options.ts';
import { Generator, keep } from '../tensor/index.ts';

/** The random numbers of one sample; most samples draw none, so the generator comes with the first draw. */
class SampleSource {
  readonly #seed: bigint;
  #generator: Generator | undefined;

  constructor(seed: bigint) {
    this.#seed = seed;
  }

  get generator(): Generator {
    // Kept: the scope of the transform that draws first would free it.
    this.#generator ??= keep(new Generator().manualSeed(this.#seed));
    return this.#generator;
  }
}

const running = new AsyncLocalStorage<SampleSource>();

/** Runs `read`, also past its awaits, so that what it draws depends on `seed` alone. */
export function withSampleSeed<T>(seed: bigint, read: () => T): T {
  return running.run(new SampleSource(seed), read);
}

/**
 * The generator that random transforms draw from: that of the sample which a `DataLoader` is reading, else null, the
 * default generator. For the `generator` option of random functions in transforms and data sets of your own.
 *
 * @example
 * const noise = randn(image.shape, { generator: transforms.sampleGenerator() });
 */
export function sampleGenerator(): Generator | null {
  checkPositions('sampleGenerator', arguments, 0);
  return running.getStore()?.generator ?? null;
}
