import { getRank, getWorldSize } from '../../distributed/init.ts';
import { checkOptions, checkPositions } from '../../options.ts';
import { Generator, scope } from '../../tensor/index.ts';
import {
  booleanOr,
  checkSized,
  permutation,
  positive,
  type Sampler,
  type Sized,
  wholeUpTo,
} from './sampler.ts';

/** Options of {@link DistributedSampler}. */
export interface DistributedSamplerOptions {
  /** How many ranks share the data. Default those of the default process group. */
  numReplicas?: number;
  /** Which of them this one is. Default that in the default process group. */
  rank?: number;
  /** A new order in each epoch. Default true. */
  shuffle?: boolean;
  /** Of the order; the same on all ranks. Default 0. */
  seed?: number;
  /** Leave out what does not make a sample for each rank; by default the first samples come again. */
  dropLast?: boolean;
}

/**
 * The part of a data set that is this rank's: the indices of torch.utils.data's `DistributedSampler` (2.13). Call
 * `setEpoch` before each epoch; without it, each has the order of the first.
 *
 * @example
 * const sampler = new DistributedSampler(dataset, { numReplicas: 2, rank: 0 });
 * sampler.setEpoch(1);
 */
export class DistributedSampler implements Sampler {
  readonly dataset: Sized;
  readonly numReplicas: number;
  readonly rank: number;
  readonly shuffle: boolean;
  readonly seed: number;
  readonly dropLast: boolean;
  #epoch = 0;
  #offset = 0;

  constructor(dataset: Sized, options: DistributedSamplerOptions = {}) {
    checkPositions('DistributedSampler', arguments, 2);
    checkOptions('DistributedSampler', options, ['numReplicas', 'rank', 'shuffle', 'seed', 'dropLast']);
    checkSized(dataset, 'DistributedSampler dataset');
    const { numReplicas = getWorldSize(), rank = getRank(), seed = 0 } = options;
    this.dataset = dataset;
    this.numReplicas = positive(numReplicas, 'DistributedSampler numReplicas');
    this.rank = wholeUpTo(numReplicas - 1, rank, 'DistributedSampler rank');
    this.seed = whole('seed', seed);
    this.shuffle = booleanOr(true, options.shuffle, 'DistributedSampler shuffle');
    this.dropLast = booleanOr(false, options.dropLast, 'DistributedSampler dropLast');
  }

  /** Makes the order that of an epoch, from its beginning. */
  setEpoch(epoch: number): void {
    checkPositions('DistributedSampler.setEpoch', arguments, 1);
    this.#epoch = whole('epoch', epoch);
    this.#offset = 0;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /**
   * Leaves out so many samples of all ranks at the beginning of this epoch, which ranks have done before: a run goes on in
   * the middle of an epoch, also with another number of ranks. `setEpoch` ends it.
   */
  skip(samples: number): void {
    checkPositions('DistributedSampler.skip', arguments, 1);
    this.#offset = Math.min(whole('samples', samples), this.dataset.length);
  }

  /** Samples of all ranks that are left out, see `skip`. */
  get skipped(): number {
    return this.#offset;
  }

  /** Samples that each rank gets. */
  get numSamples(): number {
    const rest = this.dataset.length - this.#offset;
    return this.dropLast ? Math.floor(rest / this.numReplicas) : Math.ceil(rest / this.numReplicas);
  }

  get length(): number {
    return this.numSamples;
  }

  *[Symbol.iterator](): globalThis.Generator<number, void, undefined> {
    const rest = this.#order().slice(this.#offset);
    const total = this.numSamples * this.numReplicas;
    // What is lacking is taken from the beginning again, as often as needed.
    for (let i = this.rank; i < total; i += this.numReplicas) yield rest[i % rest.length] as number;
  }

  #order(): number[] {
    const { length } = this.dataset;
    if (!this.shuffle) return Array.from({ length }, (_, i) => i);
    return scope(() => permutation(length, new Generator().manualSeed(this.seed + this.#epoch)));
  }
}

const whole = (name: string, value: unknown) =>
  wholeUpTo(Number.MAX_SAFE_INTEGER, value, `DistributedSampler ${name}`);
