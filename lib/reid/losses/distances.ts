import { functional as F } from '../../nn/index.ts';
import { checkPositions, describeValue } from '../../options.ts';
import { ops, Tensor } from '../../tensor/index.ts';

/** Refuses what is no matrix of features with a label for each row. */
export function checkFeatures(owner: string, features: unknown, labels: unknown): void {
  if (!(features instanceof Tensor))
    throw new TypeError(`Expected a Tensor for ${owner} features, got ${describeValue(features)}`);
  if (!(labels instanceof Tensor))
    throw new TypeError(`Expected a Tensor for ${owner} labels, got ${describeValue(labels)}`);
  if (features.dim() !== 2) {
    throw new RangeError(`Expected features (N, D) for ${owner}, got shape [${features.shape}]`);
  }
  if (labels.dim() === 1 && labels.shape[0] === features.shape[0]) return;
  throw new RangeError(
    `Expected ${features.shape[0]} labels for ${owner}, got shape [${labels.shape}] for features [${features.shape}]`,
  );
}

function checkRows(owner: string, x: unknown, y: unknown): void {
  for (const [name, rows] of Object.entries({ x, y })) {
    if (!(rows instanceof Tensor))
      throw new TypeError(`Expected a Tensor for ${owner} ${name}, got ${describeValue(rows)}`);
    if (rows.dim() !== 2)
      throw new RangeError(`Expected rows (N, D) for ${owner} ${name}, got [${rows.shape}]`);
  }
}

/** Euclidean distances between rows, 1e-6 at least so that their roots have gradients: (M, D), (N, D) -> (M, N). */
export function euclideanDist(x: Tensor, y: Tensor): Tensor {
  checkPositions('euclideanDist', arguments, 2);
  checkRows('euclideanDist', x, y);
  const [xx, yy] = [x.pow(2).sum([1], true), y.pow(2).sum([1], true).t()];
  const squared = ops.aten.addmm(xx.add(yy), x, y.t(), { beta: 1, alpha: -2 });
  return squared.clamp(1e-12).sqrt();
}

/** 2 - 2 cos between rows: (M, D), (N, D) -> (M, N). */
export function cosineDist(x: Tensor, y: Tensor): Tensor {
  checkPositions('cosineDist', arguments, 2);
  checkRows('cosineDist', x, y);
  const product = F.normalize(x, { dim: 1 }).mm(F.normalize(y, { dim: 1 }).t());
  return product.mul(-2).add(2);
}

/** Which pairs of rows have one label, and which have two: booleans (N, N). */
export function pairs(labels: Tensor): { isPos: Tensor; isNeg: Tensor } {
  const isPos = labels.unsqueeze(1).eq(labels.unsqueeze(0));
  return { isPos, isNeg: isPos.logicalNot() };
}
