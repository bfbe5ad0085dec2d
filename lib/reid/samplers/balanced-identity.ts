import { checkPositions } from '../../options.ts';
import { EndlessIdentities } from './endless-identities.ts';
import { checkIdentities, type Identity, type IdentitySamplerOptions } from './identities.ts';
import type { NumpyRandom } from './numpy-random.ts';
import type { ReplicaOptions } from './replicas.ts';

/**
 * fast-reid's `BalancedIdentitySampler`: P identities in random order, of each one image and K - 1 of other cameras where it has
 * been seen by others, without an end. The indices are those of the published code under the same seed. With several processes
 * `batchSize` is that of one of them, and each gets its part.
 *
 * @example
 * const sampler = new reid.BalancedIdentitySampler(ids, cameras, { batchSize: 64, numInstances: 4 });
 */
export class BalancedIdentitySampler extends EndlessIdentities {
  readonly #cameras: readonly Identity[];

  /** @param ids The identity of each sample. @param cameras The camera of each. */
  constructor(
    ids: readonly Identity[],
    cameras: readonly Identity[],
    options: IdentitySamplerOptions & ReplicaOptions,
  ) {
    const owner = 'BalancedIdentitySampler';
    checkPositions(owner, arguments, 3);
    super(owner, ids, options, (identities, worldSize) => identities / worldSize);
    checkIdentities(owner, cameras, 'cameras');
    if (cameras.length !== ids.length) {
      throw new RangeError(`Expected ${ids.length} cameras for ${owner}, got ${cameras.length}`);
    }
    this.#cameras = cameras;
  }

  protected override *round(random: NumpyRandom, ids: readonly Identity[]): Generator<readonly number[]> {
    const order = random.permutation(ids.length);
    order.length -= order.length % (this.perBatch * this.worldSize);
    for (const place of order) yield this.#imagesOf(random, ids[place] as Identity);
  }

  /** One image and K - 1 others of the same identity. */
  #imagesOf(random: NumpyRandom, id: Identity): number[] {
    const own = this.places.get(id) as readonly number[];
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
}
