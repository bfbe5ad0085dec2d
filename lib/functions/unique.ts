import { checkOptions, checkPositions } from '../options.ts';
import { ops, type Tensor } from '../tensor/index.ts';

/** Options of `uniqueConsecutive`. */
export interface UniqueConsecutiveOptions {
  /** Also where each element went. Default false. */
  returnInverse?: boolean;
  /** Also how often each came. Default false. */
  returnCounts?: boolean;
  /** The dimension whose slices are compared. Default: the elements are, of the flattened tensor. */
  dim?: number | null;
}

/** Options of `unique`. */
export interface UniqueOptions extends UniqueConsecutiveOptions {
  /** In ascending order. Default true. */
  sorted?: boolean;
}

/** The elements, and what the options ask for besides. */
export type Unique<O> = O extends { returnInverse: true; returnCounts: true }
  ? [output: Tensor, inverse: Tensor, counts: Tensor]
  : O extends { returnInverse: true } | { returnCounts: true }
    ? [output: Tensor, second: Tensor]
    : Tensor;

function chosen<O>(found: Tensor[], { returnInverse, returnCounts }: UniqueConsecutiveOptions): Unique<O> {
  const [output, inverse, counts] = found as [Tensor, Tensor, Tensor];
  const extra = [...(returnInverse ? [inverse] : []), ...(returnCounts ? [counts] : [])];
  return (extra.length === 0 ? output : [output, ...extra]) as Unique<O>;
}

/**
 * The different elements of `x`, or the different slices along a dimension.
 *
 * @example
 * const [values, counts] = unique(tensor([2, 1, 2]), { returnCounts: true }); // [1, 2], [1, 2]
 */
export function unique<O extends UniqueOptions>(x: Tensor, options: O = {} as O): Unique<O> {
  checkPositions('unique', arguments, 2);
  checkOptions('unique', options, ['sorted', 'returnInverse', 'returnCounts', 'dim']);
  const { sorted = true, returnInverse = false, returnCounts = false, dim = null } = options;
  const found =
    dim === null
      ? ops.aten._unique2(x, sorted, returnInverse, returnCounts)
      : ops.aten.unique_dim(x, dim, sorted, returnInverse, returnCounts);
  return chosen(found, options);
}

/** The elements of `x` that differ from the one before, or the slices along a dimension. */
export function uniqueConsecutive<O extends UniqueConsecutiveOptions>(
  x: Tensor,
  options: O = {} as O,
): Unique<O> {
  checkPositions('uniqueConsecutive', arguments, 2);
  checkOptions('uniqueConsecutive', options, ['returnInverse', 'returnCounts', 'dim']);
  const { returnInverse = false, returnCounts = false, dim = null } = options;
  return chosen(ops.aten.unique_consecutive(x, returnInverse, returnCounts, dim), options);
}
