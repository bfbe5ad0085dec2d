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

/** Runs code that draws for one sample, at once or later. */
export type SampleContext = <T>(read: () => T) => T;

/** As {@link withSampleSeed} for several pieces of code of one sample, which go on drawing. Null: the default generator. */
export function sampleContext(seed: bigint | null): SampleContext {
  if (seed === null) return (read) => read();
  const source = new SampleSource(seed);
  return (read) => running.run(source, read);
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
