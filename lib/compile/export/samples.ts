/** What sizes a network is traced at to find out which of them its file may take. */

export type Shape = readonly number[];

/** Shapes of the inputs at several sizes; those behind the first `required` may fail. */
export interface Samples {
  shapes: number[][][];
  required: number;
}

/** Batch sizes of the samples, one image among them, which some forwards treat in another way. */
const BATCHES = [2, 3, 1] as const;
/** Added to width, height and depth: multiples of usual strides, and sizes that no stride divides. */
const GROWTH = [
  [64, 32, 16],
  [17, 33, 5],
] as const;

/** Dimensions that may have other sizes, from the end: those behind the channels, for sequences also the one before. */
export function candidateDims(inputs: readonly Shape[]): number[] {
  const most = Math.max(0, ...inputs.map(({ length }) => (length === 3 ? 2 : length - 2)));
  return Array.from({ length: most }, (_, i) => -1 - i);
}

/** Whether the size at `index` of a shape is one that `dims` lets vary; a size of 1 is broadcast and stays. */
export function varies(shape: Shape, index: number, dims: readonly number[]): boolean {
  const first = shape.length === 3 ? 1 : 2;
  return index >= first && shape[index] !== 1 && dims.includes(index - shape.length);
}

/**
 * The samples for a file that takes any size in `dims`: the inputs' own sizes, others, twice the sizes, and then
 * ever smaller ones, which tell from which size on the network works.
 *
 * @param batch Null for any.
 */
export function makeSamples(
  inputs: readonly Shape[],
  dims: readonly number[],
  batch: number | null,
): Samples {
  const change = (count: number, resize: (size: number, dim: number) => number) =>
    inputs.map((shape) => [
      batch ?? count,
      ...shape.slice(1).map((size, i) => {
        return varies(shape, i + 1, dims) ? resize(size, i + 1 - shape.length) : size;
      }),
    ]);
  if (dims.length === 0) {
    const counts = batch === null ? BATCHES : [batch];
    return { shapes: counts.map((count) => change(count, (size) => size)), required: counts.length };
  }
  const shapes = [
    change(2, (size) => size),
    ...GROWTH.map((by, i) => change(BATCHES[i + 1] as number, (size, dim) => size + (by[-1 - dim] ?? 3))),
    change(1, (size) => 2 * size),
  ];
  const smaller = halvings(inputs).map((times) => change(2, (size) => halved(size, times)));
  return { shapes: [...shapes, ...smaller], required: shapes.length };
}

/** The size after that many halvings, never less than 1. */
export const halved = (size: number, times: number): number => Math.max(1, Math.floor(size / 2 ** times));

function halvings(inputs: readonly Shape[]): number[] {
  const largest = Math.max(...inputs.flatMap((shape) => shape.slice(1)));
  return Array.from({ length: Math.floor(Math.log2(largest)) }, (_, i) => i + 1);
}
