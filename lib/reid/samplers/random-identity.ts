import type { Sampler } from '../../data/index.ts';
import { checkOptions, checkPositions } from '../../options.ts';
import {
  checkBatch,
  checkIdentities,
  type Identity,
  type IdentitySamplerOptions,
  placesById,
} from './identities.ts';
import { NumpyRandom } from './numpy-random.ts';
import { PythonRandom } from './python-random.ts';

/**
 * reid-strong-baseline's sampler: batches of P identities with K images each. Each image comes at most once in an epoch but
 * those of identities with fewer than K, which are drawn with replacement; the epoch ends when fewer than P identities have
 * K images left.
 *
 * Epoch by epoch the indices are those of the published code after `random.seed(seed)` and `numpy.random.seed(seed)`, where
 * nothing else draws from them.
 *
 * @example
 * const sampler = new reid.RandomIdentitySampler(ids, { batchSize: 64, numInstances: 4 });
 * const loader = new DataLoader(dataset, { batchSize: 64, sampler });
 */
export class RandomIdentitySampler implements Sampler {
  readonly numInstances: number;
  /** Identities of a batch. */
  readonly perBatch: number;
  readonly #places: Map<Identity, number[]>;
  readonly #python: PythonRandom;
  readonly #numpy: NumpyRandom;
  #length: number;

  /** @param ids The identity of each sample. */
  constructor(ids: readonly Identity[], options: IdentitySamplerOptions) {
    const owner = 'RandomIdentitySampler';
    checkPositions(owner, arguments, 2);
    checkOptions(owner, options, ['batchSize', 'numInstances', 'seed']);
    checkIdentities(owner, ids);
    this.#places = placesById(ids);
    const { numInstances, perBatch, seed } = checkBatch(owner, options, this.#places.size);
    this.numInstances = numInstances;
    this.perBatch = perBatch;
    this.#python = new PythonRandom(seed);
    this.#numpy = new NumpyRandom(seed);
    const whole = ({ length }: number[]) =>
      Math.max(length, numInstances) - (Math.max(length, numInstances) % numInstances);
    this.#length = [...this.#places.values()].reduce((total, list) => total + whole(list), 0);
  }

  /** Indices of an epoch: an estimate before the first, then what the last one had. */
  get length(): number {
    return this.#length;
  }

  *[Symbol.iterator](): Iterator<number> {
    const chunks = new Map([...this.#places].map(([id, list]) => [id, this.#chunksOf(list)]));
    let available = [...chunks.keys()];
    let count = 0;
    while (available.length >= this.perBatch) {
      for (const id of this.#python.sample(available, this.perBatch)) {
        const own = chunks.get(id) as number[][];
        const chunk = own.shift() as number[];
        yield* chunk;
        count += chunk.length;
        if (own.length === 0) available = available.filter((other) => other !== id);
      }
    }
    this.#length = count;
  }

  /** The images of an identity in random order, K at a time; what is left over is dropped. */
  #chunksOf(list: readonly number[]): number[][] {
    const { numInstances } = this;
    const indices = list.length < numInstances ? this.#numpy.choice(list, numInstances, true) : [...list];
    this.#python.shuffle(indices);
    const count = Math.floor(indices.length / numInstances);
    return Array.from({ length: count }, (_, i) => indices.slice(i * numInstances, (i + 1) * numInstances));
  }
}
