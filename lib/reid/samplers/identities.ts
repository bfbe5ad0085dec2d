import { describeValue } from '../../options.ts';
import { checkCount } from '../models/checks.ts';

/** A person or vehicle, as a data set names it. */
export type Identity = number | string;

/** Options of the identity samplers. */
export interface IdentitySamplerOptions {
  /** Images of a batch: P x K. */
  batchSize: number;
  /** Images of each identity in a batch, K. */
  numInstances: number;
  /** From 0 to 2^32 - 1. Default 0. */
  seed?: number;
}

/** Places of the images of each identity, in the order in which identities first come. */
export function placesById(ids: readonly Identity[]): Map<Identity, number[]> {
  const places = new Map<Identity, number[]>();
  for (const [i, id] of ids.entries()) {
    const list = places.get(id);
    if (list === undefined) places.set(id, [i]);
    else list.push(i);
  }
  return places;
}

/** Identities in rising order: numbers by size, texts by their code points. */
export function sortedIds(ids: Iterable<Identity>): Identity[] {
  const list = [...ids];
  return list.every((id) => typeof id === 'number')
    ? list.sort((a, b) => (a as number) - (b as number))
    : list.sort((a, b) => (String(a) < String(b) ? -1 : 1));
}

/** Refuses what cannot be sampled. */
export function checkIdentities(
  owner: string,
  ids: unknown,
  name = 'ids',
): asserts ids is readonly Identity[] {
  if (!Array.isArray(ids)) {
    throw new TypeError(`Expected an array of identities for ${owner} ${name}, got ${describeValue(ids)}`);
  }
  const bad = ids.findIndex((id) => typeof id !== 'string' && !Number.isSafeInteger(id));
  if (bad < 0) return;
  throw new TypeError(
    `Expected whole numbers or texts for ${owner} ${name}, got ${describeValue(ids[bad])} at ${bad}`,
  );
}

/** Batch size, images of each identity and seed, checked; P is the number of identities in a batch. */
export function checkBatch(
  owner: string,
  options: IdentitySamplerOptions,
  identities: number,
): { batchSize: number; numInstances: number; perBatch: number; seed: number } {
  const batchSize = checkCount(owner, 'batchSize', options.batchSize);
  const numInstances = checkCount(owner, 'numInstances', options.numInstances);
  const seed = checkCount(owner, 'seed', options.seed ?? 0, 0);
  if (seed > 0xffffffff) throw new RangeError(`Expected a seed below 2^32 for ${owner}, got ${seed}`);
  if (batchSize % numInstances !== 0) {
    throw new RangeError(
      `Expected a batchSize that is a multiple of numInstances for ${owner}, got ${batchSize} and ${numInstances}`,
    );
  }
  const perBatch = batchSize / numInstances;
  if (identities < perBatch) {
    throw new RangeError(
      `Expected at least ${perBatch} identities for ${owner} with batchSize ${batchSize} and numInstances ${numInstances}, ` +
        `got ${identities}`,
    );
  }
  return { batchSize, numInstances, perBatch, seed };
}
