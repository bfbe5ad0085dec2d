import { checkPositions, describeValue } from '../../options.ts';
import { listOf } from './list-of.ts';

/** Samples one after another, without numbers. `length` is for those that know it. */
export type Samples<Sample> = (Iterable<Sample> | AsyncIterable<Sample>) & { readonly length?: number };

/**
 * A data set that is read from its beginning to its end: a stream, a log, a database. To write one of your own extend
 * this, or give a `DataLoader` any iterable that can be iterated more than once. As torch's (2.13).
 *
 * @example
 * class Countdown extends IterableDataset<number> {
 *   async *[Symbol.asyncIterator]() {
 *     for (let i = 3; i > 0; i--) yield i;
 *   }
 * }
 * for await (const batch of new DataLoader(new Countdown())) console.log(batch.toArray()); // [3], [2], [1]
 */
export abstract class IterableDataset<Sample> implements AsyncIterable<Sample> {
  constructor() {
    checkPositions(new.target.name, arguments, 0);
  }

  abstract [Symbol.asyncIterator](): AsyncIterator<Sample>;
}

/** Iterable data sets one behind the other, as torch's (2.13). */
export class ChainDataset<Sample> extends IterableDataset<Sample> {
  readonly datasets: readonly Samples<Sample>[];

  constructor(datasets: Iterable<Samples<Sample>>) {
    checkPositions('ChainDataset', arguments, 1);
    super();
    this.datasets = listOf(datasets, 'ChainDataset');
    for (const [i, dataset] of this.datasets.entries()) checkSamples(dataset, `ChainDataset [${i}]`);
  }

  /** All samples together. @throws TypeError if one of the data sets does not know its own. */
  get length(): number {
    return this.datasets.reduce(
      (total, dataset, i) => total + knownLength(dataset, `ChainDataset [${i}]`),
      0,
    );
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Sample, void, undefined> {
    for (const dataset of this.datasets) yield* dataset;
  }
}

/** Whether a value can be iterated: arrays and texts are not meant. */
export function isSamples(value: unknown): value is Samples<unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Symbol.asyncIterator in value || Symbol.iterator in value;
}

/** Refuses what cannot be iterated, and what can be iterated only once. */
export function checkSamples(value: unknown, owner: string): asserts value is Samples<unknown> {
  if (!isSamples(value)) {
    throw new TypeError(`Expected an iterable data set for ${owner}, got ${describeValue(value)}`);
  }
  if (typeof (value as { next?: unknown }).next !== 'function') return;
  throw new TypeError(
    `Expected a data set that can be iterated in every epoch for ${owner}, got an iterator; ` +
      'pass { [Symbol.asyncIterator]: () => makeIterator() }',
  );
}

/** The number of samples, where the data set knows it. */
export function knownLength({ length }: Samples<unknown>, owner: string): number {
  if (Number.isInteger(length) && (length as number) >= 0) return length as number;
  throw new TypeError(
    `Expected an iterable data set with a length for ${owner}, got ${describeValue(length)}`,
  );
}
