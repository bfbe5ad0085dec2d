import { describeValue } from '../../options.ts';
import type { Samples } from '../combine/iterable-dataset.ts';
import type { Dataset } from '../datasets/dataset.ts';
import { ImageError } from '../errors.ts';
import type { ImageReader, ReadSample } from '../pipeline/image-reader.ts';
import { recordsOf } from '../pipeline/image-record.ts';
import { withSampleSeed } from '../sample-generator.ts';

/** Reads the batches of one epoch, each a list of samples. Several reads may be under way at once. */
export interface Fetcher<Sample> {
  /** The next batch; undefined behind the last one, or a promise of undefined where only reading tells. */
  next(): Promise<Sample[] | undefined> | undefined;
  /** Passes over batches that were given before; samples with numbers are not read for it. */
  skip(batches: number): Promise<void>;
  /** Lets go of what is open, also before the end. */
  close(): Promise<void>;
}

/** How an epoch is read. */
export interface EpochSettings {
  /** torch's base_seed: sample i draws from a generator seeded by it plus i. */
  readonly seed: bigint;
  readonly sequential: boolean;
}

/** A sample that was left out of its batch. */
export interface SkippedSample {
  readonly index: number;
  readonly error: ImageError;
}

/** Where samples with numbers are read from, and how. */
export interface MapSource<Sample> {
  readonly dataset: Dataset<Sample>;
  readonly batches: Iterator<readonly number[]>;
  /** Prepares the images of a data set that has records of them; null where each sample is asked for. */
  readonly reader: ImageReader | null;
}

const SKIPPED = Symbol('skipped');

/** Batches of a data set whose samples have numbers. */
export class MapFetcher<Sample> implements Fetcher<Sample> {
  readonly #dataset: Dataset<Sample>;
  readonly #batches: Iterator<readonly number[]>;
  readonly #reader: ImageReader | null;
  readonly #epoch: EpochSettings;
  /** Where samples go that cannot be read; null to fail instead. */
  readonly #skipped: SkippedSample[] | null;
  #position = 0;

  constructor(source: MapSource<Sample>, epoch: EpochSettings, skipped: SkippedSample[] | null) {
    this.#dataset = source.dataset;
    this.#batches = source.batches;
    this.#reader = source.reader;
    this.#epoch = epoch;
    this.#skipped = skipped;
  }

  next(): Promise<Sample[]> | undefined {
    const { done, value } = this.#batches.next();
    if (done) return undefined;
    checkBatch(value);
    const first = this.#position;
    this.#position += value.length;
    return this.#read([...value], first);
  }

  async skip(batches: number): Promise<void> {
    for (let i = 0; i < batches; i++) {
      const { done, value } = this.#batches.next();
      if (done) throw fewer(batches, i);
      this.#position += value.length;
    }
  }

  async close(): Promise<void> {
    this.#batches.return?.();
    this.#reader?.close();
  }

  async #read(indices: readonly number[], first: number): Promise<Sample[]> {
    const records = this.#reader === null ? undefined : recordsOf<Sample>(this.#dataset, indices);
    if (records !== undefined && this.#reader?.fits(records)) {
      const samples = await this.#reader.read(records, first);
      if (samples !== undefined) return samples.flatMap((read, i) => this.#taken(read, indices[i] as number));
    }
    return await this.#readEach(indices, first);
  }

  #taken(read: ReadSample<Sample>, index: number): Sample[] {
    if ('sample' in read) return [read.sample];
    this.#skip(index, read.error);
    return [];
  }

  /** Throws what is no matter of the image. */
  #skip(index: number, error: unknown): void {
    if (this.#skipped === null || !(error instanceof ImageError)) throw error;
    this.#skipped.push({ index, error });
  }

  async #readEach(indices: readonly number[], first: number): Promise<Sample[]> {
    const { seed, sequential } = this.#epoch;
    const found: (Sample | typeof SKIPPED)[] = [];
    if (sequential) {
      for (const index of indices) found.push(await this.#get(index));
    } else {
      const reads = indices.map((index, i) =>
        withSampleSeed(seed + BigInt(first + i), () => this.#get(index)),
      );
      found.push(...(await Promise.all(reads)));
    }
    return found.filter((sample) => sample !== SKIPPED) as Sample[];
  }

  async #get(index: number): Promise<Sample | typeof SKIPPED> {
    try {
      return await this.#dataset.get(index);
    } catch (error) {
      this.#skip(index, error);
      return SKIPPED;
    }
  }
}

function fewer(batches: number, found: number): RangeError {
  return new RangeError(
    `Expected an epoch of at least ${batches} batches for DataLoader.loadStateDict, got ${found}; the data or the ` +
      'batch size is another',
  );
}

function checkBatch(indices: unknown): void {
  if (Array.isArray(indices) && indices.length > 0) return;
  const got = Array.isArray(indices) ? 'an empty one' : describeValue(indices);
  throw new TypeError(`Expected an array of indices for each batch of DataLoader batchSampler, got ${got}`);
}

/** Batches of a data set that is read from its beginning to its end: one sample after another, whatever is read ahead. */
export class IterableFetcher<Sample> implements Fetcher<Sample> {
  readonly #samples: AsyncIterator<Sample> | Iterator<Sample>;
  readonly #batchSize: number;
  readonly #dropLast: boolean;
  readonly #epoch: EpochSettings;
  #position = 0n;
  #ended = false;
  #last: Promise<unknown> = Promise.resolve();

  constructor(dataset: Samples<Sample>, batchSize: number, dropLast: boolean, epoch: EpochSettings) {
    this.#samples =
      Symbol.asyncIterator in dataset ? dataset[Symbol.asyncIterator]() : dataset[Symbol.iterator]();
    this.#batchSize = batchSize;
    this.#dropLast = dropLast;
    this.#epoch = epoch;
  }

  next(): Promise<Sample[] | undefined> | undefined {
    if (this.#ended) return undefined;
    const reading = this.#last.then(() => this.#read());
    this.#last = reading.catch(() => {}); // it may fail before anyone awaits it
    return reading;
  }

  async skip(batches: number): Promise<void> {
    for (let i = 0; i < batches; i++) if ((await this.next()) === undefined) throw fewer(batches, i);
  }

  async close(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    await this.#samples.return?.();
  }

  async #read(): Promise<Sample[] | undefined> {
    const samples: Sample[] = [];
    while (samples.length < this.#batchSize && !this.#ended) {
      const { done, value } = await this.#pull();
      if (done) this.#ended = true;
      else samples.push(await value);
    }
    const isTooSmall = samples.length === 0 || (this.#dropLast && samples.length < this.#batchSize);
    return isTooSmall ? undefined : samples;
  }

  #pull(): IteratorResult<Sample> | Promise<IteratorResult<Sample>> {
    if (this.#epoch.sequential) return this.#samples.next();
    return withSampleSeed(this.#epoch.seed + this.#position++, () => this.#samples.next());
  }
}
