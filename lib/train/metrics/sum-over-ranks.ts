import { allReduce, type CollectiveOptions } from '../../distributed/index.ts';
import { tensor } from '../../tensor/index.ts';

/** The sums of what all ranks have, place by place, in double precision. */
export async function sumOverRanks(
  values: readonly number[] | Float64Array,
  options: CollectiveOptions = {},
): Promise<Float64Array> {
  const sums = tensor(values as number[], { dtype: 'float64' });
  try {
    await allReduce(sums, options);
    return Float64Array.from(sums.data() as Float64Array);
  } finally {
    sums.dispose();
  }
}
