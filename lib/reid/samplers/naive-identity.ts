import { checkPositions } from '../../options.ts';
import { EndlessIdentities } from './endless-identities.ts';
import type { Identity, IdentitySamplerOptions } from './identities.ts';
import type { NumpyRandom } from './numpy-random.ts';
import type { ReplicaOptions } from './replicas.ts';

/**
 * fast-reid's `NaiveIdentitySampler`: batches of P identities with K images each, without an end. The indices are those of the
 * published code under the same seed. With several processes `batchSize` is that of one of them, and each gets its part.
 *
 * @example
 * const sampler = new reid.NaiveIdentitySampler(ids, { batchSize: 64, numInstances: 4 });
 * for (const index of sampler.take(64)) console.log(index);
 */
export class NaiveIdentitySampler extends EndlessIdentities {
  /** @param ids The identity of each sample. */
  constructor(ids: readonly Identity[], options: IdentitySamplerOptions & ReplicaOptions) {
    checkPositions('NaiveIdentitySampler', arguments, 2);
    super('NaiveIdentitySampler', ids, options, (identities) => identities);
    this.#checkRound();
  }

  /** A round that cannot fill the batches of all processes would go on without giving any, as the published code does. */
  #checkRound(): void {
    const { numInstances, perBatch, worldSize } = this;
    const chunks = [...this.places.values()].map(({ length }) =>
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

  /** Until fewer than P identities have K images left. */
  protected override *round(random: NumpyRandom, ids: readonly Identity[]): Generator<readonly number[]> {
    let available = [...ids];
    const left = new Map<Identity, number[]>();
    while (available.length >= this.perBatch) {
      for (const id of random.choice(available, this.perBatch, false)) {
        const own = left.get(id) ?? this.#shuffled(random, id);
        left.set(id, own);
        yield own.splice(0, this.numInstances);
        if (own.length < this.numInstances) available = available.filter((other) => other !== id);
      }
    }
  }

  #shuffled(random: NumpyRandom, id: Identity): number[] {
    const list = this.places.get(id) as readonly number[];
    const indices =
      list.length < this.numInstances ? random.choice(list, this.numInstances, true) : [...list];
    random.shuffle(indices);
    return indices;
  }
}
