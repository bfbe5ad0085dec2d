import { checkPositions } from '../../options.ts';
import { checkDataset, checkIndex, type Dataset } from '../datasets/dataset.ts';
import { type ImageRecord, recordOf } from '../pipeline/image-record.ts';
import { listOf } from './list-of.ts';

/**
 * Data sets one behind the other, as torch's (2.13).
 *
 * @example
 * const twice = new ConcatDataset([folder, folder]);
 */
export class ConcatDataset<Sample> implements Dataset<Sample> {
  readonly datasets: readonly Dataset<Sample>[];
  /** Where each data set ends. */
  readonly cumulativeSizes: readonly number[];

  constructor(datasets: Iterable<Dataset<Sample>>) {
    checkPositions('ConcatDataset', arguments, 1);
    this.datasets = listOf(datasets, 'ConcatDataset');
    for (const [i, dataset] of this.datasets.entries()) checkDataset(dataset, `ConcatDataset [${i}]`);
    let end = 0;
    this.cumulativeSizes = this.datasets.map((dataset) => {
      end += dataset.length;
      return end;
    });
  }

  get length(): number {
    return this.cumulativeSizes.at(-1) as number;
  }

  get(index: number): Sample | Promise<Sample> {
    const [dataset, at] = this.#find(index);
    return dataset.get(at);
  }

  /** That of the data set which the sample is of, where it has one. */
  imageRecord(index: number): ImageRecord<Sample> | undefined {
    return recordOf(...this.#find(index));
  }

  #find(index: number): [dataset: Dataset<Sample>, at: number] {
    checkIndex(index, this.length, 'ConcatDataset');
    const which = this.cumulativeSizes.findIndex((end) => index < end);
    const start = which === 0 ? 0 : (this.cumulativeSizes[which - 1] as number);
    return [this.datasets[which] as Dataset<Sample>, index - start];
  }
}
