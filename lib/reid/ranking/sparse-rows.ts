import type { Neighbours } from './neighbours.ts';

/** A row of a matrix that is mostly zeros: its other elements, columns ascending. */
export interface SparseRow {
  readonly columns: Int32Array;
  readonly values: Float32Array;
}

type Round = (value: number) => number;

/**
 * Means of each row and its nearest: of the first `k2` neighbours' rows, added in their order and rounded as the published
 * programs do. `round` rounds the mean.
 */
export function meanOfNeighbours(
  rows: readonly SparseRow[],
  { indices, count: width }: Neighbours,
  k2: number,
  round: Round,
): SparseRow[] {
  const sums = new Float32Array(rows.length);
  const isSeen = new Uint8Array(rows.length);
  const most = Math.min(k2, width);
  return rows.map((_, row) => {
    const near = indices.subarray(row * width, row * width + most);
    const columns = addRows(rows, near, sums, isSeen);
    const values = Float32Array.from(columns, (column) =>
      round(Math.fround((sums[column] as number) / most)),
    );
    for (const column of columns) sums[column] = isSeen[column] = 0;
    return withoutZeros(columns, values);
  });
}

function addRows(
  rows: readonly SparseRow[],
  near: Int32Array,
  sums: Float32Array,
  isSeen: Uint8Array,
): Int32Array {
  const touched: number[] = [];
  for (const row of near) {
    const { columns, values } = rows[row] as SparseRow;
    for (let at = 0; at < columns.length; at++) {
      const column = columns[at] as number;
      if (isSeen[column] === 0) touched.push(column);
      isSeen[column] = 1;
      (sums[column] as number) += values[at] as number;
    }
  }
  return Int32Array.from(touched).sort();
}

function withoutZeros(columns: Int32Array, values: Float32Array): SparseRow {
  if (!values.includes(0)) return { columns, values };
  return {
    columns: columns.filter((_, at) => values[at] !== 0),
    values: values.filter((value) => value !== 0),
  };
}

/** The same matrix by columns: of each, the rows from `firstRow` on that are not zero there. */
export function columnsOf(rows: readonly SparseRow[], firstRow: number): SparseRow[] {
  const counts = new Int32Array(rows.length);
  for (let row = firstRow; row < rows.length; row++) {
    for (const column of (rows[row] as SparseRow).columns) (counts[column] as number)++;
  }
  const columns = Array.from(counts, (count) => ({
    columns: new Int32Array(count),
    values: new Float32Array(count),
  }));
  counts.fill(0);
  for (let row = firstRow; row < rows.length; row++) {
    const { columns: filled, values } = rows[row] as SparseRow;
    filled.forEach((column, at) => {
      const place = (counts[column] as number)++;
      const target = columns[column] as SparseRow;
      target.columns[place] = row - firstRow;
      target.values[place] = values[at] as number;
    });
  }
  return columns;
}
