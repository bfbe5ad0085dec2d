import { getRank, getWorldSize } from '../../distributed/init.ts';
import { checkOptions, checkPositions } from '../../options.ts';
import { checkSized, positive, type Sampler, type Sized, wholeUpTo } from './sampler.ts';

/** Options of {@link DistributedEvalSampler}. */
export interface DistributedEvalSamplerOptions {
  /** How many ranks share the data. Default those of the default process group. */
  numReplicas?: number;
  /** Which of them this one is. Default that in the default process group. */
  rank?: number;
}

/**
 * The part of a data set that is this rank's in evaluation: each sample is exactly one rank's, in order. Ranks may have one
 * sample more or less than others, or none; `DistributedSampler` repeats samples until all have as many, which changes
 * figures.
 *
 * @example
 * const sampler = new DistributedEvalSampler(dataset, { numReplicas: 2, rank: 1 }); // 1, 3, 5, ...
 */
export class DistributedEvalSampler implements Sampler {
  readonly dataset: Sized;
  readonly numReplicas: number;
  readonly rank: number;

  constructor(dataset: Sized, options: DistributedEvalSamplerOptions = {}) {
    checkPositions('DistributedEvalSampler', arguments, 2);
    checkOptions('DistributedEvalSampler', options, ['numReplicas', 'rank']);
    checkSized(dataset, 'DistributedEvalSampler dataset');
    const { numReplicas = getWorldSize(), rank = getRank() } = options;
    this.dataset = dataset;
    this.numReplicas = positive(numReplicas, 'DistributedEvalSampler numReplicas');
    this.rank = wholeUpTo(numReplicas - 1, rank, 'DistributedEvalSampler rank');
  }

  get length(): number {
    return Math.max(0, Math.ceil((this.dataset.length - this.rank) / this.numReplicas));
  }

  *[Symbol.iterator](): Generator<number, void, undefined> {
    for (let i = this.rank; i < this.dataset.length; i += this.numReplicas) yield i;
  }
}
