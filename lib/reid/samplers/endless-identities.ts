import { checkOptions } from '../../options.ts';
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

/** What fast-reid's identity samplers share: batches of P x K images for all processes, without an end. */
export abstract class EndlessIdentities implements Iterable<number> {
  readonly numInstances: number;
  /** Identities of a batch. */
  readonly perBatch: number;
  readonly rank: number;
  readonly worldSize: number;
  protected readonly places: ReadonlyMap<Identity, readonly number[]>;
  readonly #batchSize: number;
  readonly #seed: number;

  /** @param identitiesFor How many identities there are for each of so many processes. */
  protected constructor(
    owner: string,
    ids: readonly Identity[],
    options: IdentitySamplerOptions & ReplicaOptions,
    identitiesFor: (identities: number, worldSize: number) => number,
  ) {
    checkOptions(owner, options, ['batchSize', 'numInstances', 'seed', 'rank', 'worldSize']);
    checkIdentities(owner, ids);
    this.places = placesById(ids);
    const { rank, worldSize } = checkReplicas(owner, options);
    const { batchSize, numInstances, perBatch, seed } = checkBatch(
      owner,
      options,
      identitiesFor(this.places.size, worldSize),
    );
    this.numInstances = numInstances;
    this.perBatch = perBatch;
    this.rank = rank;
    this.worldSize = worldSize;
    this.#batchSize = batchSize * worldSize;
    this.#seed = seed;
  }

  *[Symbol.iterator](): Generator<number> {
    const random = new NumpyRandom(this.#seed);
    const ids = sortedIds(this.places.keys());
    for (;;) yield* this.#ownParts(this.round(random, ids));
  }

  /** The images of one identity after the other; a round ends where it cannot go on. */
  protected abstract round(random: NumpyRandom, ids: readonly Identity[]): Iterable<readonly number[]>;

  /** This process's part of each batch. What begins no whole batch of all processes is dropped. */
  *#ownParts(groups: Iterable<readonly number[]>): Generator<number> {
    let batch: number[] = [];
    for (const images of groups) {
      batch.push(...images);
      if (batch.length !== this.#batchSize) continue;
      yield* ownPart(batch, this.rank, this.worldSize);
      batch = [];
    }
  }

  /** The first `count` indices. */
  take(count: number): number[] {
    const found: number[] = [];
    if (count <= 0) return found;
    for (const index of this) if (found.push(index) === count) break;
    return found;
  }
}
