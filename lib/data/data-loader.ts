import { checkOptions, checkPositions, describeValue } from '../options.ts';
import { empty, Generator, randperm, scope } from '../tensor/index.ts';
import { type Collated, Collator } from './collate.ts';
import type { Dataset } from './datasets/dataset.ts';
import { ImageError } from './errors.ts';
import { pinned } from './pin-memory.ts';
import { withSampleSeed } from './sample-generator.ts';

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
  /** Batches being read while one is worked on. Default 2; 0 with `sequential`. */
  prefetch?: number;
  /**
   * Read one sample after the other, all of them drawing from the default generator, as torch's loader does with
   * `num_workers=0`: the same random crops as in Python, several times slower. Default false.
   */
  sequential?: boolean;
  /** Put batches in page-locked memory, from which `to('cuda', { nonBlocking: true })` does not wait. Default false. */
  pinMemory?: boolean;
  /**
   * Leave out samples whose image cannot be read (`get` throws an `ImageError`). Their batch is smaller, or absent where
   * none is left; `skipped` names them, and a warning (`IBN_DATA_SKIPPED`) at the end of the epoch counts them. Default false:
   * the error ends the epoch.
   */
  skipUnreadable?: boolean;
}

/** A sample that was left out of its batch. */
export interface SkippedSample {
  readonly index: number;
  readonly error: ImageError;
}

const OPTIONS = [
  'batchSize',
  'shuffle',
  'dropLast',
  'seed',
  'collate',
  'prefetch',
  'sequential',
  'pinMemory',
  'skipUnreadable',
];

/**
 * Iterates over a data set in batches, reading ahead. With `shuffle` the order of every epoch is the one that
 * torch's `DataLoader` gives after the same `manualSeed` (torch 2.13).
 *
 * Samples are read many at once, and each draws its random numbers from a generator of its own, seeded by the epoch's
 * seed (torch's `base_seed`) plus the sample's place in the epoch. So a seed gives the same crops whatever `prefetch`
 * and `batchSize` are and however long images take to decode. They are not Python's, whose workers share a generator
 * among many samples; `sequential` gives those of `num_workers=0`. Code of your own in a data set draws from
 * `transforms.sampleGenerator()`.
 *
 * @example
 * const loader = new DataLoader(new datasets.ImageFolder(root, { transform }), { batchSize: 32, shuffle: true });
 * for await (const [images, labels] of loader) console.log(images.shape, labels.shape); // [32, 3, 224, 224], [32]
 */
export class DataLoader<Sample, Batch = Collated<Sample>> implements AsyncIterable<Batch> {
  readonly dataset: Dataset<Sample>;
  readonly batchSize: number;
  readonly shuffle: boolean;
  readonly dropLast: boolean;
  readonly prefetch: number;
  readonly pinMemory: boolean;
  readonly sequential: boolean;
  readonly skipUnreadable: boolean;
  #skipped: SkippedSample[] = [];
  readonly #collate: (samples: Sample[]) => Batch;
  readonly #generator: Generator | null;

  constructor(dataset: Dataset<Sample>, options: DataLoaderOptions<Sample, Batch> = {}) {
    checkPositions('DataLoader', arguments, 2);
    checkOptions('DataLoader', options, OPTIONS);
    checkDataset(dataset);
    this.dataset = dataset;
    this.batchSize = atLeast(1, options.batchSize ?? 1, 'batchSize');
    this.pinMemory = flag(options.pinMemory, 'pinMemory');
    this.shuffle = flag(options.shuffle, 'shuffle');
    this.dropLast = flag(options.dropLast, 'dropLast');
    this.sequential = flag(options.sequential, 'sequential');
    this.skipUnreadable = flag(options.skipUnreadable, 'skipUnreadable');
    this.prefetch = atLeast(0, options.prefetch ?? (this.sequential ? 0 : 2), 'prefetch');
    if (this.sequential && this.prefetch > 0) {
      throw new RangeError(`Expected prefetch 0 for DataLoader with sequential, got ${this.prefetch}`);
    }
    checkCollate(options.collate);
    const collator = new Collator();
    this.#collate = options.collate ?? ((samples) => collator.collate(samples) as unknown as Batch);
    this.#generator = options.seed === undefined ? null : new Generator().manualSeed(options.seed);
  }

  /** Number of batches in an epoch. */
  get length(): number {
    const batches = this.dataset.length / this.batchSize;
    return this.dropLast ? Math.floor(batches) : Math.ceil(batches);
  }

  /** Samples of the latest epoch that were left out because of `skipUnreadable`, in the order of their failure. */
  get skipped(): readonly SkippedSample[] {
    return this.#skipped;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Batch, void, undefined> {
    const { seed, order } = this.#epoch();
    const skipped: SkippedSample[] = [];
    this.#skipped = skipped;
    try {
      yield* this.#batches(seed, order, skipped);
    } finally {
      if (skipped.length > 0) warnOfSkipped(skipped, this.dataset.length);
    }
  }

  async *#batches(
    seed: bigint,
    order: readonly number[],
    skipped: SkippedSample[],
  ): AsyncGenerator<Batch, void, undefined> {
    const pending: Promise<Maybe<Batch>>[] = [];
    let last: Promise<unknown> = Promise.resolve();
    const read = (batch: number): Promise<Maybe<Batch>> => {
      const reading = this.#read({ seed, order, skipped }, batch, last);
      last = reading.catch(() => {}); // it may fail before anyone awaits it, or after the loop was left
      return reading;
    };
    for (let next = 0, given = 0; given < this.length; given++) {
      while (next < this.length && next <= given + this.prefetch) pending.push(read(next++));
      const batch = await (pending.shift() as Promise<Maybe<Batch>>);
      if (batch !== SKIPPED) yield batch;
    }
  }

  /** Batches are put together in their order, so that what is remembered of numbers does not depend on timing. */
  async #read(
    { seed, order, skipped }: Epoch,
    batch: number,
    before: Promise<unknown>,
  ): Promise<Maybe<Batch>> {
    const first = batch * this.batchSize;
    const indices = order.slice(first, first + this.batchSize);
    const found = await (this.sequential
      ? this.#oneByOne(indices, skipped)
      : this.#atOnce(indices, seed, first, skipped));
    await before;
    const samples = found.filter((sample) => sample !== SKIPPED) as Sample[];
    if (samples.length === 0) return SKIPPED;
    return this.pinMemory ? pinned(this.#collate(samples)) : this.#collate(samples);
  }

  async #oneByOne(indices: readonly number[], skipped: SkippedSample[]): Promise<Maybe<Sample>[]> {
    const samples: Maybe<Sample>[] = [];
    for (const index of indices) samples.push(await this.#get(index, skipped));
    return samples;
  }

  #atOnce(
    indices: readonly number[],
    seed: bigint,
    first: number,
    skipped: SkippedSample[],
  ): Promise<Maybe<Sample>[]> {
    return Promise.all(
      indices.map((index, i) => withSampleSeed(seed + BigInt(first + i), () => this.#get(index, skipped))),
    );
  }

  async #get(index: number, skipped: SkippedSample[]): Promise<Maybe<Sample>> {
    try {
      return await this.dataset.get(index);
    } catch (error) {
      if (!this.skipUnreadable || !(error instanceof ImageError)) throw error;
      skipped.push({ index, error });
      return SKIPPED;
    }
  }

  /** The draws of torch's loader and sampler (utils/data, 2.13), those without a visible effect included. */
  #epoch(): { seed: bigint; order: number[] } {
    const generator = this.#generator;
    const seed = BigInt(drawSeed(generator)); // torch's base_seed, which its workers begin with
    const count = this.dataset.length;
    if (!this.shuffle) return { seed, order: Array.from({ length: count }, (_, index) => index) };
    if (generator === null) {
      return { seed, order: permutation(count, new Generator().manualSeed(drawSeed(null))) };
    }
    const order = permutation(count, generator);
    permutation(count, generator); // for a remainder that is empty
    return { seed, order };
  }
}

interface Epoch {
  readonly seed: bigint;
  readonly order: readonly number[];
  readonly skipped: SkippedSample[];
}

const SKIPPED = Symbol('skipped');
type Maybe<Sample> = Sample | typeof SKIPPED;

function warnOfSkipped(skipped: readonly SkippedSample[], total: number): void {
  const [first] = skipped as [SkippedSample];
  process.emitWarning(
    `DataLoader left out ${skipped.length} of ${total} samples, which could not be read; the first is ` +
      `${first.error.message}. See loader.skipped`,
    { code: 'IBN_DATA_SKIPPED' },
  );
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

function flag(value: boolean | undefined, name: string): boolean {
  if (value === undefined || typeof value === 'boolean') return value ?? false;
  throw new TypeError(`Expected a boolean for DataLoader ${name}, got ${String(value)}`);
}

/** The length is looked at again in every epoch: a data set may grow. */
function checkDataset(dataset: unknown): void {
  const { length, get } = (dataset ?? {}) as { length?: unknown; get?: unknown };
  if (typeof get === 'function' && Number.isInteger(length) && (length as number) >= 0) return;
  const got = typeof get === 'function' ? `a length of ${describeValue(length)}` : describeValue(dataset);
  const advice = Array.isArray(dataset) ? '; for an array pass { length, get: (i) => array[i] }' : '';
  throw new TypeError(`Expected a data set with length and get(index) for DataLoader, got ${got}${advice}`);
}

function checkCollate(collate: unknown): void {
  if (collate === undefined || typeof collate === 'function') return;
  throw new TypeError(`Expected a function for DataLoader collate, got ${describeValue(collate)}`);
}
