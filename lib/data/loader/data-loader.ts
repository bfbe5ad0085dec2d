import { availableParallelism } from 'node:os';
import { checkPositions } from '../../options.ts';
import { Generator, getNumThreads } from '../../tensor/index.ts';
import { checkSamples, isSamples, knownLength, type Samples } from '../combine/iterable-dataset.ts';
import { checkDataset, type Dataset } from '../datasets/dataset.ts';
import { ImageReader, readsImages } from '../pipeline/image-reader.ts';
import { BatchSampler, lengthOf } from '../samplers/batch-sampler.ts';
import { RandomSampler, SequentialSampler } from '../samplers/index.ts';
import { drawSeed } from '../samplers/sampler.ts';
import { type Collated, Collator, type Converted, defaultConvert } from './collate.ts';
import { type Fetcher, IterableFetcher, MapFetcher, type SkippedSample } from './fetch.ts';
import { type DataLoaderOptions, loaderSettings } from './options.ts';
import { pinned } from './pin-memory.ts';
import { type DataLoaderState, generatorsOf, Position } from './position.ts';

/**
 * Iterates over a data set in batches, reading ahead. With `shuffle` the order of every epoch is the one that
 * torch's `DataLoader` gives after the same `manualSeed` (torch 2.13); so it is with the samplers.
 *
 * Samples are read many at once, and each draws its random numbers from a generator of its own, seeded by the epoch's
 * seed (torch's `base_seed`) plus the sample's place in the epoch. So a seed gives the same crops whatever `prefetch`
 * and `batchSize` are and however long images take to decode. They are not Python's, whose workers share a generator
 * among many samples; `sequential` gives those of `num_workers=0`. Code of your own in a data set draws from
 * `transforms.sampleGenerator()`.
 *
 * Images of an `ImageFolder` (or of any data set with `imageRecord`) are read, decoded and transformed on native threads; the
 * values and draws are those of `get`. `docs/data.md` says which steps run there.
 *
 * `batchSize: null` gives samples one by one, with typed arrays made tensors. torch's options of worker processes that ask
 * for nothing (`persistentWorkers: false`) are taken; others are errors.
 *
 * A data set without `get` is iterated anew in every epoch, one sample after another, as torch's `IterableDataset`; it
 * has its own order.
 *
 * @example
 * const loader = new DataLoader(new datasets.ImageFolder(root, { transform }), { batchSize: 32, shuffle: true });
 * for await (const [images, labels] of loader) console.log(images.shape, labels.shape); // [32, 3, 224, 224], [32]
 */
export class DataLoader<Sample, Batch = Collated<Sample>, Size extends number | null = number>
  implements AsyncIterable<Yielded<Sample, Batch, Size>>
{
  readonly dataset: Dataset<Sample> | Samples<Sample>;
  /** Null gives samples one by one. */
  readonly batchSize: number | null;
  readonly shuffle: boolean;
  readonly dropLast: boolean;
  readonly prefetch: number;
  readonly pinMemory: boolean;
  readonly sequential: boolean;
  readonly skipUnreadable: boolean;
  /** Where the indices come from; undefined for an iterable data set. */
  readonly batchSampler: Iterable<readonly number[]> | undefined;
  #skipped: SkippedSample[] = [];
  readonly #collate: (samples: Sample[]) => Yielded<Sample, Batch, Size>;
  readonly #timeout: number;
  /** Of `numWorkers`, where it is above 0. */
  readonly #threads: number | undefined;
  readonly #generator: Generator | null;
  readonly #position: Position;
  #resumed: DataLoaderState | undefined;

  constructor(
    dataset: Dataset<Sample> | Samples<Sample>,
    options: DataLoaderOptions<Sample, Batch, Size> = {},
  ) {
    checkPositions('DataLoader', arguments, 2);
    const isIterable = !isMap(dataset) && isSamples(dataset);
    const settings = loaderSettings(options, isIterable);
    if (isIterable) checkSamples(dataset, 'DataLoader');
    else checkDataset(dataset, 'DataLoader');
    this.dataset = dataset;
    this.batchSize = settings.batchSize;
    this.pinMemory = settings.pinMemory;
    this.shuffle = settings.shuffle;
    this.dropLast = settings.dropLast;
    this.sequential = settings.sequential;
    this.skipUnreadable = settings.skipUnreadable;
    this.prefetch = settings.prefetch;
    this.#timeout = settings.timeout;
    this.#threads = settings.threads;
    this.#collate = collation(settings.batchSize, options.collateFn as Collation);
    this.#generator =
      options.seed === undefined ? settings.generator : new Generator().manualSeed(options.seed);
    this.batchSampler = isMap(dataset)
      ? (options.batchSampler ?? this.#batches(dataset, options.sampler))
      : undefined;
    this.#position = new Position(generatorsOf(this.#generator, this.batchSampler));
  }

  #batches(dataset: Dataset<Sample>, sampler: Iterable<number> | undefined): BatchSampler {
    const ordered = this.shuffle
      ? new RandomSampler(dataset, { generator: this.#generator })
      : new SequentialSampler(dataset);
    return new BatchSampler(sampler ?? ordered, this.batchSize ?? 1, this.dropLast);
  }

  /**
   * Number of batches in an epoch.
   *
   * @throws TypeError where the sampler or the iterable data set has no length
   */
  get length(): number {
    if (this.batchSampler !== undefined) return lengthOf(this.batchSampler, 'DataLoader batchSampler');
    const batches = knownLength(this.dataset as Samples<Sample>, 'DataLoader') / (this.batchSize ?? 1);
    return this.dropLast ? Math.floor(batches) : Math.ceil(batches);
  }

  /** Samples of the latest epoch that were left out because of `skipUnreadable`, in the order of their failure. */
  get skipped(): readonly SkippedSample[] {
    return this.#skipped;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Yielded<Sample, Batch, Size>, void, undefined> {
    const skipped: SkippedSample[] = [];
    this.#skipped = skipped;
    const resumed = this.#resumed;
    this.#resumed = undefined;
    const fetcher = await this.#begin(resumed, skipped);
    try {
      yield* this.#read(fetcher, resumed?.batches ?? 0);
    } finally {
      await fetcher.close();
      if (skipped.length > 0) warnOfSkipped(skipped, this.dataset.length as number);
    }
  }

  /**
   * Where the loader stands, in the middle of an epoch too: what was given counts, not what is read ahead. torchdata's
   * `StatefulDataLoader` has the same two methods. Samplers of your own go on exactly if they draw at the start of an
   * epoch, from the default generator or from one in their field `generator`.
   *
   * @example
   * const numbers = new DataLoader(new TensorDataset(arange(8)), { batchSize: 2, shuffle: true });
   * for await (const [batch] of numbers) if (numbers.stateDict().batches === 3) break;
   * const saved = { loader: numbers.stateDict(), rng: getRngState() };
   */
  stateDict(): DataLoaderState {
    checkPositions('DataLoader.stateDict', arguments, 0);
    return this.#resumed ?? this.#position.state();
  }

  /**
   * Goes on from a state: the next iteration gives the rest of that epoch. Samples that were given are not read again.
   * The default generator keeps its state; put back that of then with `setRngState`.
   *
   * @throws TypeError for anything else, RangeError where the loader is made in another way
   */
  loadStateDict(state: DataLoaderState | ReadonlyMap<string, unknown>): void {
    checkPositions('DataLoader.loadStateDict', arguments, 1);
    const checked = this.#position.check(state);
    this.#position.restore(checked);
    this.#resumed = checked.began.length > 0 ? checked : undefined;
    if (this.#resumed === undefined) this.#position.end();
  }

  async #begin(resumed: DataLoaderState | undefined, skipped: SkippedSample[]): Promise<Fetcher<Sample>> {
    if (resumed === undefined) {
      this.#position.begin();
      return this.#fetcher(skipped);
    }
    return await this.#position.replay(resumed, async () => {
      const fetcher = this.#fetcher(skipped);
      await fetcher.skip(resumed.batches);
      return fetcher;
    });
  }

  #fetcher(skipped: SkippedSample[]): Fetcher<Sample> {
    const batches = this.batchSampler?.[Symbol.iterator]();
    // Drawn behind the sampler's own draws at its start, before those for its first index: torch's order.
    const seed = BigInt(drawSeed(this.#generator));
    const epoch = { seed, sequential: this.sequential };
    if (batches === undefined) {
      return new IterableFetcher(this.dataset as Samples<Sample>, this.batchSize ?? 1, this.dropLast, epoch);
    }
    const into = this.skipUnreadable ? skipped : null;
    const dataset = this.dataset as Dataset<Sample>;
    return new MapFetcher({ dataset, batches, reader: this.#reader(seed) }, epoch, into);
  }

  /** Every epoch has its own threads, which end with it. */
  #reader(seed: bigint): ImageReader | null {
    if (!('imageRecord' in this.dataset) || !readsImages()) return null;
    const { sequential, pinMemory } = this;
    const threads = this.#threads ?? (sequential ? getNumThreads() : availableParallelism());
    return new ImageReader({ threads, pinMemory, seed: sequential ? null : seed });
  }

  async *#read(
    fetcher: Fetcher<Sample>,
    before: number,
  ): AsyncGenerator<Yielded<Sample, Batch, Size>, void, undefined> {
    const pending: Promise<Read<Yielded<Sample, Batch, Size>>>[] = [];
    let given = before;
    let last: Promise<unknown> = Promise.resolve();
    for (;;) {
      while (pending.length <= this.prefetch) {
        const samples = fetcher.next();
        if (samples === undefined) break;
        const reading = this.#put(samples, last);
        last = reading.catch(() => {}); // it may fail before anyone awaits it, or after the loop was left
        pending.push(reading);
      }
      const read = await within(this.#timeout, pending.shift());
      if (read === undefined || read === 'end') return this.#position.end();
      given++;
      this.#position.reach(given);
      if (read !== 'skipped') yield read.batch;
    }
  }

  /** Batches are put together in their order, so that what is remembered of numbers does not depend on timing. */
  async #put(
    reading: Promise<Sample[] | undefined>,
    before: Promise<unknown>,
  ): Promise<Read<Yielded<Sample, Batch, Size>>> {
    const samples = await reading;
    await before;
    if (samples === undefined) return 'end';
    return samples.length === 0 ? 'skipped' : { batch: this.#batchOf(samples) };
  }

  #batchOf(samples: Sample[]): Yielded<Sample, Batch, Size> {
    const batch = this.#collate(samples);
    return this.pinMemory ? pinned(batch) : batch;
  }
}

/** What an epoch gives: batches, or samples where there are none. */
type Yielded<Sample, Batch, Size> = [Size] extends [null]
  ? Collated<Sample> extends Batch
    ? Converted<Sample>
    : Batch
  : Batch;

// biome-ignore lint/suspicious/noExplicitAny: of a sample, or of many
type Collation = ((samples: any) => any) | undefined;

/** Makes what the loader gives of the samples of a batch, which is one where there are no batches. */
// biome-ignore lint/suspicious/noExplicitAny: the loader says which
function collation(batchSize: number | null, given: Collation): (samples: any[]) => any {
  const collator = new Collator();
  if (batchSize !== null) return given ?? ((samples) => collator.collate(samples));
  const convert = given ?? defaultConvert;
  return ([sample]) => convert(sample);
}

/** @throws Error where `reading` takes longer than `limit` milliseconds; 0 is no limit. */
async function within<T>(limit: number, reading: Promise<T> | undefined): Promise<T | undefined> {
  if (limit === 0 || reading === undefined) return reading;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const text = `Expected a batch within ${limit / 1000} s (timeout) for DataLoader, got none`;
    timer = setTimeout(() => reject(new Error(text)), limit);
  });
  try {
    return await Promise.race([reading, late]);
  } finally {
    clearTimeout(timer);
  }
}

type Read<Batch> = { readonly batch: Batch } | 'skipped' | 'end';

function isMap<Sample>(dataset: Dataset<Sample> | Samples<Sample>): dataset is Dataset<Sample> {
  return typeof (dataset as Partial<Dataset<Sample>> | null | undefined)?.get === 'function';
}

function warnOfSkipped(skipped: readonly SkippedSample[], total: number): void {
  const [first] = skipped as [SkippedSample];
  process.emitWarning(
    `DataLoader left out ${skipped.length} of ${total} samples, which could not be read; the first is ` +
      `${first.error.message}. See loader.skipped`,
    { code: 'IBN_DATA_SKIPPED' },
  );
}
