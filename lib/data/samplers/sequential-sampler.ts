import { checkPositions } from '../../options.ts';
import { checkSized, type Sampler, type Sized } from './sampler.ts';

/** All indices in their order, as torch's (2.13). */
export class SequentialSampler implements Sampler {
  readonly dataSource: Sized;

  constructor(dataSource: Sized) {
    checkPositions('SequentialSampler', arguments, 1);
    checkSized(dataSource, 'SequentialSampler dataSource');
    this.dataSource = dataSource;
  }

  get length(): number {
    return this.dataSource.length;
  }

  *[Symbol.iterator](): Generator<number, void, undefined> {
    const count = this.length;
    for (let index = 0; index < count; index++) yield index;
  }
}
