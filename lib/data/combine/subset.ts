import { checkPositions } from '../../options.ts';
import { checkDataset, checkIndex, type Dataset } from '../datasets/dataset.ts';
import { type ImageRecord, recordOf } from '../pipeline/image-record.ts';
import { checkSized } from '../samplers/sampler.ts';

/** The samples of a data set at certain indices, as torch's (2.13). */
export class Subset<Sample> implements Dataset<Sample> {
  readonly dataset: Dataset<Sample>;
  readonly indices: readonly number[];

  constructor(dataset: Dataset<Sample>, indices: readonly number[]) {
    checkPositions('Subset', arguments, 2);
    checkDataset(dataset, 'Subset');
    checkSized(indices, 'Subset indices');
    this.dataset = dataset;
    this.indices = indices;
  }

  get length(): number {
    return this.indices.length;
  }

  get(index: number): Sample | Promise<Sample> {
    checkIndex(index, this.length, 'Subset');
    return this.dataset.get(this.indices[index] as number);
  }

  /** That of the data set, where it has one. */
  imageRecord(index: number): ImageRecord<Sample> | undefined {
    checkIndex(index, this.length, 'Subset');
    return recordOf(this.dataset, this.indices[index] as number);
  }
}
