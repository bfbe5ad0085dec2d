import { describeValue } from '../../options.ts';
import { isFloatingPoint, isTensor, scope, stack, type Tensor, tensor } from '../../tensor/index.ts';

/** A row for each image: a tensor (N, D), or an array of rows. */
export type Features = Tensor | readonly (Float32Array | readonly number[])[];

/**
 * Features as a float32 tensor (N, D) of its device.
 *
 * @throws TypeError for what are no rows of numbers, RangeError for other shapes and for numbers that are not finite
 */
export function featureMatrix(name: string, features: Features): Tensor {
  const matrix = isTensor(features) ? floatMatrix(name, features) : matrixOfRows(name, features);
  const broken = isFiniteAll(matrix) ? undefined : firstBroken(matrix);
  if (broken !== undefined) {
    throw new RangeError(
      `Expected finite numbers for ${name}, got NaN or infinity in row ${broken}; the network or its input is at fault`,
    );
  }
  return matrix;
}

/** Where the sum is finite all numbers are; large ones may sum to infinity. One pass, where `isfinite` makes several copies. */
function isFiniteAll(matrix: Tensor): boolean {
  return scope(() => Number.isFinite(matrix.sum().item()) || matrix.isfinite().all().item<boolean>());
}

function floatMatrix(name: string, features: Tensor): Tensor {
  if (!isFloatingPoint(features.dtype)) {
    throw new TypeError(`Expected a floating-point tensor for ${name}, got ${features.dtype}`);
  }
  if (features.dim() !== 2 || features.numel() === 0) {
    throw new RangeError(`Expected a row for each image, (N, D), for ${name}, got [${features.shape}]`);
  }
  return features.detach().to('float32').contiguous();
}

function matrixOfRows(name: string, rows: unknown): Tensor {
  if (!Array.isArray(rows) || rows.length === 0) {
    throw new TypeError(
      `Expected a tensor (N, D) or an array of rows for ${name}, got ${describeValue(rows)}`,
    );
  }
  const width = (rows[0] as ArrayLike<number>)?.length;
  const wrong = rows.findIndex((row) => !isRow(row) || row.length !== width || width === 0);
  if (wrong >= 0) {
    const row: unknown = rows[wrong];
    const got = isRow(row) ? `${row.length}` : describeValue(row);
    throw new RangeError(`Expected rows of ${width} numbers for ${name}, got ${got} in row ${wrong}`);
  }
  return stack(rows.map((row: Float32Array | number[]) => tensor(Float32Array.from(row))));
}

const isRow = (row: unknown): row is ArrayLike<number> => Array.isArray(row) || row instanceof Float32Array;

function firstBroken(matrix: Tensor): number {
  return matrix.isfinite().all(1).logicalNot().to('int64').argmax().item();
}

/** Refuses queries and a gallery of different widths. */
export function checkSameWidth(owner: string, query: Tensor, gallery: Tensor): void {
  const [wide, other] = [query.size(1), gallery.size(1)];
  if (wide === other) return;
  throw new RangeError(
    `Expected features of the same width for ${owner}, got ${wide} for the queries and ${other} for the gallery; were they made by one network?`,
  );
}
