import { checkOptions, checkPositions } from '../../options.ts';
import {
  checkBatch,
  checkIdentities,
  type Identity,
  type IdentitySamplerOptions,
  placesById,
  sortedIds,
} from './identities.ts';
import { NumpyRandom } from './numpy-random.ts';
import { checkReplicas, ownPart, type ReplicaOptions } from './replicas.ts';

/**
 * fast-reid's `NaiveIdentitySampler`: batches of P identities with K images each, without an end. The indices are those of the
 * published code under the same seed. With several processes `batchSize` is that of one of them, and each gets its part.
 *
 * @example
 * const sampler = new reid.NaiveIdentitySampler(ids, { batchSize: 64, numInstances: 4 });
 * for (const index of sampler.take(64)) console.log(index);
 */
export class NaiveIdentitySampler implements Iterable<number> {
  readonly numInstances: number;
  readonly perBatch: number;
  readonly rank: number;
  readonly worldSize: number;
  readonly #batchSize: number;
  readonly #seed: number;
  readonly #places: Map<Identity, number[]>;

  /** @param ids The identity of each sample. */
  constructor(ids: readonly Identity[], options: IdentitySamplerOptions & ReplicaOptions) {
    const owner = 'NaiveIdentitySampler';
    checkPositions(owner, arguments, 2);
    checkOptions(owner, options, ['batchSize', 'numInstances', 'seed', 'rank', 'worldSize']);
    checkIdentities(owner, ids);
    this.#places = placesById(ids);
    const { batchSize, numInstances, perBatch, seed } = checkBatch(owner, options, this.#places.size);
    this.numInstances = numInstances;
    this.perBatch = perBatch;
    const { rank, worldSize } = checkReplicas(owner, options);
    this.rank = rank;
    this.worldSize = worldSize;
    this.#batchSize = batchSize * worldSize;
    this.#seed = seed;
    this.#checkRound();
  }

  /** A round that cannot fill the batches of all processes would go on without giving any, as the published code does. */
  #checkRound(): void {
    const { numInstances, perBatch, worldSize } = this;
    const chunks = [...this.#places.values()].map(({ length }) =>
      Math.max(1, Math.floor(length / numInstances)),
    );
    let rounds = 0;
    for (; rounds < worldSize; rounds++) {
      chunks.sort((a, b) => b - a);
      if (chunks.length < perBatch || (chunks[perBatch - 1] as number) === 0) break;
      for (let i = 0; i < perBatch; i++) chunks[i] = (chunks[i] as number) - 1;
    }
    if (rounds === worldSize) return;
    throw new RangeError(
      `Expected images for ${worldSize} batches of ${perBatch} identities for NaiveIdentitySampler, one for each process, got ` +
        `enough for ${rounds}`,
    );
  }

  *[Symbol.iterator](): Generator<number> {
    const random = new NumpyRandom(this.#seed);
    const ids = sortedIds(this.#places.keys());
    for (;;) yield* this.#round(random, [...ids]);
  }

  /** Batches until fewer than P identities have K images left. What begins no whole batch of all processes is dropped. */
  *#round(random: NumpyRandom, all: Identity[]): Generator<number> {
    let available = all;
    const left = new Map<Identity, number[]>();
    let batch: number[] = [];
    while (available.length >= this.perBatch) {
      for (const id of random.choice(available, this.perBatch, false)) {
        const own = left.get(id) ?? this.#shuffled(random, id);
        left.set(id, own);
        batch.push(...own.splice(0, this.numInstances));
        if (own.length < this.numInstances) available = available.filter((other) => other !== id);
      }
      if (batch.length !== this.#batchSize) continue;
      yield* ownPart(batch, this.rank, this.worldSize);
      batch = [];
    }
  }

  #shuffled(random: NumpyRandom, id: Identity): number[] {
    const list = this.#places.get(id) as number[];
    const indices =
      list.length < this.numInstances ? random.choice(list, this.numInstances, true) : [...list];
    random.shuffle(indices);
    return indices;
  }

  /** The first `count` indices. */
  take(count: number): number[] {
    return takeFrom(this, count);
  }
}

/** The first `count` of what has no end. */
export function takeFrom(source: Iterable<number>, count: number): number[] {
  const found: number[] = [];
  if (count <= 0) return found;
  for (const index of source) if (found.push(index) === count) break;
  return found;
}
