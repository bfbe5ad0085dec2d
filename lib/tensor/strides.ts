/** Steps in memory of a contiguous tensor; like torch's, a length of 0 counts as 1. */
export function rowMajor(shape: readonly number[]): number[] {
  const stride = new Array<number>(shape.length);
  let step = 1;
  for (let dim = shape.length - 1; dim >= 0; dim--) {
    stride[dim] = step;
    step *= Math.max(shape[dim] as number, 1);
  }
  return stride;
}
