import { checkCount } from '../models/checks.ts';

/** Which part of the batches a process gets. */
export interface ReplicaOptions {
  /** This process's number. Default 0. */
  rank?: number;
  /** Number of processes. Default 1. */
  worldSize?: number;
}

/** The numbers, checked. */
export function checkReplicas(owner: string, options: ReplicaOptions): { rank: number; worldSize: number } {
  const worldSize = checkCount(owner, 'worldSize', options.worldSize ?? 1);
  const rank = checkCount(owner, 'rank', options.rank ?? 0, 0);
  if (rank < worldSize) return { rank, worldSize };
  throw new RangeError(`Expected a rank below ${worldSize} for ${owner}, got ${rank}`);
}

/** What one process gets of a batch of all: consecutive images, so that all of an identity are together. */
export function ownPart(batch: readonly number[], rank: number, worldSize: number): readonly number[] {
  const size = Math.floor(batch.length / worldSize);
  return batch.slice(rank * size, (rank + 1) * size);
}
