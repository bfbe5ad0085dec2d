import { checkOptions, describeValue } from '../../options.ts';
import type { Generator } from '../../tensor/index.ts';
import { checkIterable } from '../samplers/batch-sampler.ts';
import { booleanOr, generatorOr } from '../samplers/sampler.ts';

/** Options of {@link DataLoader}. */
export interface DataLoaderOptions<Sample, Batch> {
  /** Samples in a batch. Default 1. */
  batchSize?: number;
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

const OPTIONS = [
  'batchSize',
  'shuffle',
  'sampler',
  'batchSampler',
  'dropLast',
  'generator',
  'seed',
  'collate',
  'prefetch',
  'sequential',
  'pinMemory',
  'skipUnreadable',
];
const OF_ORDER = ['shuffle', 'sampler', 'batchSampler', 'skipUnreadable'] as const;
const OF_BATCHES = ['batchSize', 'shuffle', 'sampler', 'dropLast'] as const;

/** What options say, defaults filled in. */
export interface LoaderSettings {
  readonly batchSize: number;
  readonly shuffle: boolean;
  readonly dropLast: boolean;
  readonly prefetch: number;
  readonly pinMemory: boolean;
  readonly sequential: boolean;
  readonly skipUnreadable: boolean;
  readonly generator: Generator | null;
}

/** Checks the options of a loader. `isIterable` is of the data set: one without numbers has no order to choose. */
export function loaderSettings<S, B>(options: DataLoaderOptions<S, B>, isIterable: boolean): LoaderSettings {
  checkOptions('DataLoader', options, OPTIONS);
  const flag = (name: 'shuffle' | 'dropLast' | 'sequential' | 'pinMemory' | 'skipUnreadable') =>
    booleanOr(false, options[name], `DataLoader ${name}`);
  const sequential = flag('sequential');
  const settings = {
    batchSize: atLeast(1, options.batchSize ?? 1, 'batchSize'),
    pinMemory: flag('pinMemory'),
    shuffle: flag('shuffle'),
    dropLast: flag('dropLast'),
    sequential,
    skipUnreadable: flag('skipUnreadable'),
    prefetch: atLeast(0, options.prefetch ?? (sequential ? 0 : 2), 'prefetch'),
    generator: generatorOr(options.generator, 'DataLoader generator'),
  };
  if (sequential && settings.prefetch > 0) {
    throw new RangeError(`Expected prefetch 0 for DataLoader with sequential, got ${settings.prefetch}`);
  }
  checkCollate(options.collate);
  checkTogether(options, isIterable);
  return settings;
}

function checkTogether<S, B>(options: DataLoaderOptions<S, B>, isIterable: boolean): void {
  if (isIterable) refuse(options, OF_ORDER, 'an iterable data set, which has its own order');
  if (options.batchSampler !== undefined)
    refuse(options, OF_BATCHES, 'batchSampler, which makes the batches');
  if (options.sampler !== undefined && options.shuffle) {
    refuse(options, ['shuffle'], 'sampler, which gives the order');
  }
  if (options.seed !== undefined && options.generator) refuse(options, ['seed'], 'generator');
  if (options.sampler !== undefined) checkIterable(options.sampler, 'DataLoader sampler');
  if (options.batchSampler !== undefined) checkIterable(options.batchSampler, 'DataLoader batchSampler');
}

/** `false` and `undefined` ask for nothing. */
function refuse<S, B>(
  options: DataLoaderOptions<S, B>,
  names: readonly (keyof DataLoaderOptions<S, B>)[],
  beside: string,
): void {
  const given = names.find((name) => options[name] !== undefined && options[name] !== false);
  if (given === undefined) return;
  throw new RangeError(`Expected no ${given} for DataLoader beside ${beside}, got one; leave it out`);
}

function atLeast(least: number, value: number, name: string): number {
  if (Number.isInteger(value) && value >= least) return value;
  throw new RangeError(`Expected an integer of at least ${least} for DataLoader ${name}, got ${value}`);
}

function checkCollate(collate: unknown): void {
  if (collate === undefined || typeof collate === 'function') return;
  throw new TypeError(`Expected a function for DataLoader collate, got ${describeValue(collate)}`);
}
