import { checkPositions, describeValue } from '../../options.ts';
import { booleanOr, positive, type Sampler } from './sampler.ts';

/**
 * Puts the indices of another sampler into batches, as torch's (2.13).
 *
 * @example
 * [...new BatchSampler([4, 1, 3, 0, 2], 2, false)]; // [[4, 1], [3, 0], [2]]
 */
export class BatchSampler<Index = number> implements Sampler<Index[]> {
  readonly sampler: Iterable<Index>;
  readonly batchSize: number;
  readonly dropLast: boolean;

  constructor(sampler: Iterable<Index>, batchSize: number, dropLast: boolean) {
    checkPositions('BatchSampler', arguments, 3);
    checkIterable(sampler, 'BatchSampler sampler');
    this.sampler = sampler;
    this.batchSize = positive(batchSize, 'BatchSampler batchSize');
    this.dropLast = booleanOr(false, dropLast, 'BatchSampler dropLast');
  }

  /** @throws TypeError if the sampler has no length. */
  get length(): number {
    const batches = lengthOf(this.sampler, 'BatchSampler sampler') / this.batchSize;
    return this.dropLast ? Math.floor(batches) : Math.ceil(batches);
  }

  *[Symbol.iterator](): Generator<Index[], void, undefined> {
    let batch: Index[] = [];
    for (const index of this.sampler) {
      batch.push(index);
      if (batch.length < this.batchSize) continue;
      yield batch;
      batch = [];
    }
    if (batch.length > 0 && !this.dropLast) yield batch;
  }
}

/** Refuses what is not iterable. */
export function checkIterable(value: unknown, name: string): void {
  const iterable = typeof value === 'object' ? (value as Partial<Iterable<unknown>> | null) : null;
  if (typeof iterable?.[Symbol.iterator] === 'function') return;
  throw new TypeError(`Expected an iterable for ${name}, got ${describeValue(value)}`);
}

/** The length that a sampler says it has. */
export function lengthOf(sampler: object, name: string): number {
  const { length } = sampler as { length?: unknown };
  if (Number.isInteger(length) && (length as number) >= 0) return length as number;
  throw new TypeError(`Expected a length for ${name}, got ${describeValue(length)}`);
}
