import { ops, type Tensor } from '../../tensor/index.ts';

/** Elements that are worked on at a time: with gradient and averages 2 MB of float32, about a core's second-level cache. */
const AT_A_TIME = 131_072;

/** Pieces of tensors, column by column, and the row of the columns that each is of. */
export interface Pieces {
  readonly columns: Tensor[][];
  readonly rows: number[];
}

/**
 * Cuts columns of tensors so that a rule of several operations finds in the cache what it has just written: large tensors
 * come in parts, small ones together. The tensors of a row have one shape; an elementwise rule gives the same numbers as
 * over the whole.
 */
export function* inPieces(columns: readonly (readonly Tensor[])[]): Generator<Pieces> {
  const [first = []] = columns;
  let small: number[] = [];
  let size = 0;
  for (const [row, tensor] of first.entries()) {
    const numel = tensor.numel();
    if (numel > AT_A_TIME) {
      yield* partsOf(columns, row);
      continue;
    }
    if (size + numel > AT_A_TIME) {
      yield together(columns, small);
      [small, size] = [[], 0];
    }
    small.push(row);
    size += numel;
  }
  if (small.length > 0) yield together(columns, small);
}

function together(columns: readonly (readonly Tensor[])[], rows: number[]): Pieces {
  return { columns: columns.map((column) => rows.map((row) => column[row] as Tensor)), rows };
}

/** A large tensor part by part; whole where its memory is in another order than its elements. */
function* partsOf(columns: readonly (readonly Tensor[])[], row: number): Generator<Pieces> {
  const tensors = columns.map((column) => column[row] as Tensor);
  if (!tensors.every((tensor) => tensor.isContiguous())) {
    yield together(columns, [row]);
    return;
  }
  const parts = tensors.map((tensor) => ops.aten.split(tensor.view([-1]), AT_A_TIME));
  for (const index of (parts[0] as Tensor[]).keys()) {
    yield { columns: parts.map((part) => [part[index] as Tensor]), rows: [row] };
  }
}
