import { checkOptions, checkPositions } from '../../options.ts';
import {
  checkBatch,
  checkIdentities,
  type Identity,
  type IdentitySamplerOptions,
  placesById,
  sortedIds,
} from './identities.ts';
import { takeFrom } from './naive-identity.ts';
import { NumpyRandom } from './numpy-random.ts';
import { checkReplicas, ownPart, type ReplicaOptions } from './replicas.ts';

/**
 * fast-reid's `BalancedIdentitySampler`: P identities in random order, of each one image and K - 1 of other cameras where it has
 * been seen by others, without an end. The indices are those of the published code under the same seed. With several processes
 * `batchSize` is that of one of them, and each gets its part.
 *
 * @example
 * const sampler = new reid.BalancedIdentitySampler(ids, cameras, { batchSize: 64, numInstances: 4 });
 */
export class BalancedIdentitySampler implements Iterable<number> {
  readonly numInstances: number;
  readonly perBatch: number;
  readonly rank: number;
  readonly worldSize: number;
  readonly #batchSize: number;
  readonly #seed: number;
  readonly #cameras: readonly Identity[];
  readonly #places: Map<Identity, number[]>;

  /** @param ids The identity of each sample. @param cameras The camera of each. */
  constructor(
    ids: readonly Identity[],
    cameras: readonly Identity[],
    options: IdentitySamplerOptions & ReplicaOptions,
  ) {
    const owner = 'BalancedIdentitySampler';
    checkPositions(owner, arguments, 3);
    checkOptions(owner, options, ['batchSize', 'numInstances', 'seed', 'rank', 'worldSize']);
    checkIdentities(owner, ids);
    checkIdentities(owner, cameras, 'cameras');
    if (cameras.length !== ids.length) {
      throw new RangeError(`Expected ${ids.length} cameras for ${owner}, got ${cameras.length}`);
    }
    this.#places = placesById(ids);
    const { rank, worldSize } = checkReplicas(owner, options);
    const { batchSize, numInstances, perBatch, seed } = checkBatch(
      owner,
      options,
      this.#places.size / worldSize,
    );
    this.numInstances = numInstances;
    this.perBatch = perBatch;
    this.rank = rank;
    this.worldSize = worldSize;
    this.#batchSize = batchSize * worldSize;
    this.#seed = seed;
    this.#cameras = cameras;
  }

  *[Symbol.iterator](): Generator<number> {
    const random = new NumpyRandom(this.#seed);
    const ids = sortedIds(this.#places.keys());
    for (;;) {
      const order = random.permutation(ids.length);
      order.length -= order.length % (this.perBatch * this.worldSize);
      let batch: number[] = [];
      for (const place of order) {
        batch.push(...this.#imagesOf(random, ids[place] as Identity));
        if (batch.length !== this.#batchSize) continue;
        yield* ownPart(batch, this.rank, this.worldSize);
        batch = [];
      }
    }
  }

  /** One image and K - 1 others of the same identity. */
  #imagesOf(random: NumpyRandom, id: Identity): number[] {
    const own = this.#places.get(id) as number[];
    const [first] = random.choice(own, 1, true) as [number];
    const places = own.map((_, i) => i);
    const elsewhere = places.filter((i) => this.#cameras[own[i] as number] !== this.#cameras[first]);
    const others = elsewhere.length > 0 ? elsewhere : places.filter((i) => own[i] !== first);
    const count = this.numInstances - 1;
    const chosen =
      others.length === 0
        ? Array.from({ length: count }, () => 0) // the only image again
        : random.choice(others, count, others.length < this.numInstances);
    return [first, ...chosen.map((i) => own[i] as number)];
  }

  /** The first `count` indices. */
  take(count: number): number[] {
    return takeFrom(this, count);
  }
}
