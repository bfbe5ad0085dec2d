import { type DistanceRows, forEachRow } from './distance-rows.ts';

/** The nearest images of each row, `count` of them, ascending; equal distances in the order of the columns. */
export interface Neighbours {
  readonly count: number;
  readonly indices: Int32Array;
}

/** Finds the nearest of each row of distances. Fewer than `count` where there are fewer columns. */
export function findNeighbours(source: DistanceRows, count: number): Neighbours {
  const width = Math.min(count, source.gallery);
  const indices = new Int32Array(source.queries * width);
  const values = new Float64Array(width);
  forEachRow(source, (row, distances) => {
    selectNearest(distances, values, indices.subarray(row * width, (row + 1) * width));
  });
  return { count: width, indices };
}

/** Fills `indices` with the positions of the smallest distances, ascending, and `values` with these. */
export function selectNearest(distances: Float32Array, values: Float64Array, indices: Int32Array): void {
  const width = indices.length;
  values.fill(Number.POSITIVE_INFINITY);
  let worst = Number.POSITIVE_INFINITY;
  for (let column = 0; column < distances.length; column++) {
    const distance = distances[column] as number;
    if (distance >= worst && column >= width) continue;
    let at = Math.min(column, width - 1);
    for (; at > 0 && (values[at - 1] as number) > distance; at--) {
      values[at] = values[at - 1] as number;
      indices[at] = indices[at - 1] as number;
    }
    values[at] = distance;
    indices[at] = column;
    worst = values[width - 1] as number;
  }
}
