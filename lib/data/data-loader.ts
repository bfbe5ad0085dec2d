import { empty, Generator, randperm, scope } from '../tensor/index.ts';
import { type Collated, defaultCollate } from './collate.ts';
import type { Dataset } from './datasets/dataset.ts';
import { pinned } from './pin-memory.ts';

/** Options of {@link DataLoader}. */
export interface DataLoaderOptions<Sample, Batch> {
  /** Samples in a batch. Default 1. */
  batchSize?: number;
  /** A new order in every epoch. Default false. */
  shuffle?: boolean;
  /** Leave out the last batch where it is smaller. Default false. */
  dropLast?: boolean;
  /** Seeds an own generator, as `torch.Generator().manual_seed(seed)` passed to torch's loader would. */
  seed?: number;
  /** Makes a batch of samples. Default {@link defaultCollate}. */
  collate?: (samples: Sample[]) => Batch;
  /** Batches being read while one is worked on. Default 2. */
  prefetch?: number;
  /** Put batches in page-locked memory, from which `to('cuda', { nonBlocking: true })` does not wait. Default false. */
  pinMemory?: boolean;
}

/**
 * Iterates over a data set in batches, reading ahead. With `shuffle` the order of every epoch is the one that
 * torch's `DataLoader` with `num_workers=0` gives after the same `manualSeed` (torch 2.13).
 *
 * @example
 * const loader = new DataLoader(new ImageFolder(root, { transform }), { batchSize: 32, shuffle: true });
 * for await (const [images, labels] of loader) { ... } // (32, 3, 224, 224), (32)
 */
export class DataLoader<Sample, Batch = Collated<Sample>> implements AsyncIterable<Batch> {
  readonly dataset: Dataset<Sample>;
  readonly batchSize: number;
  readonly shuffle: boolean;
  readonly dropLast: boolean;
  readonly prefetch: number;
  readonly pinMemory: boolean;
  private readonly collate: (samples: Sample[]) => Batch;
  private readonly generator: Generator | null;

  constructor(dataset: Dataset<Sample>, options: DataLoaderOptions<Sample, Batch> = {}) {
    this.dataset = dataset;
    this.batchSize = atLeast(1, options.batchSize ?? 1, 'batchSize');
    this.prefetch = atLeast(0, options.prefetch ?? 2, 'prefetch');
    this.pinMemory = options.pinMemory ?? false;
    this.shuffle = options.shuffle ?? false;
    this.dropLast = options.dropLast ?? false;
    this.collate = options.collate ?? (defaultCollate as unknown as (samples: Sample[]) => Batch);
    this.generator = options.seed === undefined ? null : new Generator().manualSeed(options.seed);
  }

  /** Number of batches in an epoch. */
  get length(): number {
    const batches = this.dataset.length / this.batchSize;
    return this.dropLast ? Math.floor(batches) : Math.ceil(batches);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Batch, void, undefined> {
    const order = this.order();
    const pending: Promise<Batch>[] = [];
    for (let next = 0, given = 0; given < this.length; given++) {
      while (next < this.length && next <= given + this.prefetch) pending.push(this.read(order, next++));
      yield await (pending.shift() as Promise<Batch>);
    }
  }

  private read(order: readonly number[], batch: number): Promise<Batch> {
    const indices = order.slice(batch * this.batchSize, (batch + 1) * this.batchSize);
    const samples = Promise.all(indices.map(async (index) => await this.dataset.get(index)));
    const reading = samples.then((all) => (this.pinMemory ? pinned(this.collate(all)) : this.collate(all)));
    // A batch read ahead may fail before anyone awaits it, or after the loop was left.
    reading.catch(() => {});
    return reading;
  }

  /** The draws of torch's loader and sampler (utils/data, 2.13), those without a visible effect included. */
  private order(): number[] {
    const { generator } = this;
    drawSeed(generator); // for workers
    const count = this.dataset.length;
    if (!this.shuffle) return Array.from({ length: count }, (_, index) => index);
    if (generator === null) return permutation(count, new Generator().manualSeed(drawSeed(null)));
    const order = permutation(count, generator);
    permutation(count, generator); // for a remainder that is empty
    return order;
  }
}

function drawSeed(generator: Generator | null): number | bigint {
  return scope(() => empty([], { dtype: 'int64' }).random_({ generator }).item() as number | bigint);
}

function permutation(count: number, generator: Generator): number[] {
  return scope(() => Array.from(randperm(count, { generator }).data() as BigInt64Array, Number));
}

function atLeast(least: number, value: number, name: string): number {
  if (Number.isInteger(value) && value >= least) return value;
  throw new RangeError(`Expected an integer of at least ${least} for DataLoader ${name}, got ${value}`);
}
