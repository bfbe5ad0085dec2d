import { describeValue } from '../../options.ts';
import { Tensor } from '../../tensor/index.ts';
import { checkIndex, type Dataset } from '../datasets/dataset.ts';

/**
 * Samples along the first dimension of tensors: sample i is the i-th of each, as a view. As torch's (2.13).
 *
 * @throws RangeError for tensors of different lengths
 * @example
 * const [image, label] = new TensorDataset(images, labels).get(0);
 */
export class TensorDataset<Tensors extends readonly Tensor[]> implements Dataset<Tensors> {
  readonly tensors: Tensors;
  readonly length: number;

  constructor(...tensors: Tensors) {
    this.length = commonLength(tensors);
    this.tensors = tensors;
  }

  get(index: number): Tensors {
    checkIndex(index, this.length, 'TensorDataset');
    return this.tensors.map((tensor) => tensor.select(0, index)) as unknown as Tensors;
  }
}

function commonLength(tensors: readonly unknown[]): number {
  if (tensors.length === 0) throw new TypeError('Expected at least one tensor for TensorDataset, got none');
  const lengths = tensors.map((value, i) => {
    if (value instanceof Tensor && value.dim() > 0) return value.shape[0] as number;
    const got = value instanceof Tensor ? 'one without dimensions' : describeValue(value);
    throw new TypeError(`Expected a tensor (N, ...) for TensorDataset [${i}], got ${got}`);
  });
  const other = lengths.findIndex((length) => length !== lengths[0]);
  if (other < 0) return lengths[0] as number;
  throw new RangeError(
    `Expected tensors of one length for TensorDataset, got ${lengths[0]} in [0] and ${lengths[other]} in [${other}]`,
  );
}
