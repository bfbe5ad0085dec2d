import { torchSize } from '../module/repr.ts';

/** One value per channel has no variance to train on. */
export function checkBatchSize(shape: readonly number[]): void {
  if (shape.reduce((product, size, dim) => (dim === 1 ? product : product * size), 1) !== 1) return;
  throw new RangeError(
    `Expected more than 1 value per channel when training, got input size ${torchSize(shape)}`,
  );
}

/** A 1x1 map has no variance within the sample. */
export function checkSpatialSize(shape: readonly number[]): void {
  if (shape.slice(2).reduce((product, size) => product * size, 1) !== 1) return;
  throw new RangeError(
    `Expected more than 1 spatial element when training, got input size ${torchSize(shape)}`,
  );
}

/** As torch (torch/nn/functional.py, 2.13), which takes 0 in evaluation alone. */
export function checkEps(owner: string, eps: number, isTraining: boolean): void {
  if (isTraining ? !(eps <= 0) : !(eps < 0)) return;
  const expected = isTraining ? 'a number above 0 in training' : 'a number of at least 0';
  throw new RangeError(`Expected ${expected} for ${owner} eps, got ${eps}`);
}
