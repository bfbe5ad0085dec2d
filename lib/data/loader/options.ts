import { checkOptions, describeValue } from '../../options.ts';
import type { Generator } from '../../tensor/index.ts';
import { checkIterable } from '../samplers/batch-sampler.ts';
import { booleanOr, generatorOr } from '../samplers/sampler.ts';

/** Options of {@link DataLoader}. */
export interface DataLoaderOptions<Sample, Batch, Size extends number | null = number> {
  /** Samples in a batch. Default 1; null gives the samples one by one. */
  batchSize?: Size;
  /** A new order in every epoch. Default false. */
  shuffle?: boolean;
  /** Gives the indices of samples in place of `shuffle`: a sampler, or any iterable of numbers. */
  sampler?: Iterable<number>;
  /** Gives the indices of whole batches, in place of `batchSize`, `shuffle`, `sampler` and `dropLast`. */
  batchSampler?: Iterable<readonly number[]>;
  /** Leave out the last batch where it is smaller. Default false. */
  dropLast?: boolean;
  /** Draws the order, as torch's `generator`. Default the default generator. */
  generator?: Generator | null;
  /** Seeds an own generator, as `torch.Generator().manual_seed(seed)` passed to torch's loader would. */
  seed?: number;
  /** Makes a batch of samples. Default {@link defaultCollate}; of one sample and {@link defaultConvert} without batches. */
  collateFn?: (samples: Size extends null ? Sample : Sample[]) => Batch;
  /**
   * torch's workers: 0 is `sequential`; more are as many threads that prepare images, with `prefetchFactor` batches ahead for
   * each. Default a thread for each core.
   */
  numWorkers?: number;
  /** Batches read ahead for each of `numWorkers`. Default 2. */
  prefetchFactor?: number;
  /** Seconds that a batch may take before the epoch fails. Default 0, which waits. */
  timeout?: number;
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

const OPTIONS = [
  'batchSize',
  'shuffle',
  'sampler',
  'batchSampler',
  'dropLast',
  'generator',
  'seed',
  'collateFn',
  'numWorkers',
  'prefetchFactor',
  'timeout',
  'prefetch',
  'sequential',
  'pinMemory',
  'skipUnreadable',
];
/** Options of torch's that ask for what is not here, with the values that ask for nothing. */
const OF_PROCESSES: Readonly<Record<string, readonly unknown[]>> = {
  workerInitFn: [null],
  persistentWorkers: [false],
  multiprocessingContext: [null],
  inOrder: [true],
  pinMemoryDevice: [''],
};
const OF_ORDER = ['shuffle', 'sampler', 'batchSampler', 'skipUnreadable'] as const;
const OF_BATCHES = ['batchSize', 'shuffle', 'sampler', 'dropLast'] as const;
const OF_READING = ['prefetch', 'sequential'] as const;

const MOST_SECONDS = 2_147_483; // Node's timers end at once after more than 2^31 - 1 ms

/** What options say, defaults filled in. */
export interface LoaderSettings {
  /** Null for samples one by one. */
  readonly batchSize: number | null;
  readonly shuffle: boolean;
  readonly dropLast: boolean;
  readonly prefetch: number;
  /** Of `numWorkers`, where it is above 0. */
  readonly threads: number | undefined;
  readonly pinMemory: boolean;
  readonly sequential: boolean;
  readonly skipUnreadable: boolean;
  readonly generator: Generator | null;
  /** In milliseconds; 0 for none. */
  readonly timeout: number;
}

type AnyOptions<S, B> = DataLoaderOptions<S, B, number | null>;

/** Checks the options of a loader. `isIterable` is of the data set: one without numbers has no order to choose. */
export function loaderSettings<S, B>(options: AnyOptions<S, B>, isIterable: boolean): LoaderSettings {
  checkOptions('DataLoader', withoutProcesses(options), OPTIONS);
  const flag = (name: 'shuffle' | 'dropLast' | 'pinMemory' | 'skipUnreadable') =>
    booleanOr(false, options[name], `DataLoader ${name}`);
  const { batchSize = 1, timeout = 0 } = options;
  const settings = {
    batchSize: batchSize === null ? null : atLeast(1, batchSize, 'batchSize'),
    pinMemory: flag('pinMemory'),
    shuffle: flag('shuffle'),
    dropLast: flag('dropLast'),
    skipUnreadable: flag('skipUnreadable'),
    ...readingOf(options),
    generator: generatorOr(options.generator, 'DataLoader generator'),
    timeout: 1000 * secondsOf(timeout, 'timeout'),
  };
  checkCollate(options.collateFn);
  checkTogether(options, isIterable);
  return settings;
}

/** Leaves out what asks for nothing of worker processes. */
function withoutProcesses(options: object): object {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) return options;
  const entries = Object.entries(options).filter(([name, value]) => {
    const harmless = Object.hasOwn(OF_PROCESSES, name) ? OF_PROCESSES[name] : undefined;
    if (harmless === undefined || value === undefined) return true;
    if (harmless.includes(value)) return false;
    const how = name === 'inOrder' ? 'whose batches come in order' : 'which has no worker processes';
    throw new RangeError(
      `Expected no ${name} for DataLoader, ${how}, got ${describeValue(value)}; leave it out`,
    );
  });
  return Object.fromEntries(entries);
}

/** How samples are read: with torch's names, or with those of this loader. */
function readingOf<S, B>(
  options: AnyOptions<S, B>,
): Pick<LoaderSettings, 'sequential' | 'prefetch' | 'threads'> {
  const { numWorkers, prefetchFactor } = options;
  if (numWorkers !== undefined) {
    refuse(options, OF_READING, 'numWorkers, which says how samples are read');
    if (atLeast(0, numWorkers, 'numWorkers') > 0) {
      return {
        sequential: false,
        threads: numWorkers,
        prefetch: numWorkers * atLeast(0, prefetchFactor ?? 2, 'prefetchFactor'),
      };
    }
  }
  if (prefetchFactor !== undefined) {
    throw new RangeError(
      `Expected numWorkers above 0 for DataLoader with prefetchFactor, got ${numWorkers ?? 'none'}`,
    );
  }
  const sequential = numWorkers === 0 || booleanOr(false, options.sequential, 'DataLoader sequential');
  const prefetch = atLeast(
    0,
    options.prefetch === undefined ? (sequential ? 0 : 2) : options.prefetch,
    'prefetch',
  );
  if (!sequential || prefetch === 0) return { sequential, prefetch, threads: undefined };
  throw new RangeError(`Expected prefetch 0 for DataLoader with sequential, got ${prefetch}`);
}

function checkTogether<S, B>(options: AnyOptions<S, B>, isIterable: boolean): void {
  if (isIterable) refuse(options, OF_ORDER, 'an iterable data set, which has its own order');
  if (options.batchSampler !== undefined)
    refuse(options, OF_BATCHES, 'batchSampler, which makes the batches');
  if (options.batchSize === null) refuse(options, ['dropLast'], 'batchSize null, which makes no batches');
  if (options.sampler !== undefined && options.shuffle) {
    refuse(options, ['shuffle'], 'sampler, which gives the order');
  }
  if (options.seed !== undefined && options.generator) refuse(options, ['seed'], 'generator');
  if (options.sampler !== undefined) checkIterable(options.sampler, 'DataLoader sampler');
  if (options.batchSampler !== undefined) checkIterable(options.batchSampler, 'DataLoader batchSampler');
}

/** `false` and `undefined` ask for nothing. */
function refuse<S, B>(
  options: AnyOptions<S, B>,
  names: readonly (keyof AnyOptions<S, B>)[],
  beside: string,
): void {
  const given = names.find((name) => options[name] !== undefined && options[name] !== false);
  if (given === undefined) return;
  throw new RangeError(`Expected no ${given} for DataLoader beside ${beside}, got one; leave it out`);
}

function atLeast(least: number, value: number, name: string): number {
  if (Number.isInteger(value) && value >= least) return value;
  throw new RangeError(
    `Expected an integer of at least ${least} for DataLoader ${name}, got ${describeValue(value)}`,
  );
}

function secondsOf(value: number, name: string): number {
  if (typeof value === 'number' && value >= 0 && value <= MOST_SECONDS) return value;
  throw new RangeError(
    `Expected a number from 0 to ${MOST_SECONDS} for DataLoader ${name}, got ${describeValue(value)}`,
  );
}

function checkCollate(collate: unknown): void {
  if (collate === undefined || typeof collate === 'function') return;
  throw new TypeError(`Expected a function for DataLoader collateFn, got ${describeValue(collate)}`);
}
