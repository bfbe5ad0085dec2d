import { checkCount, checkOptions, checkPositions, describeValue } from '../../options.ts';
import { noGrad, scope, Tensor } from '../../tensor/index.ts';

/** Labels of pixels: an integer tensor of any shape, or an array. */
export type Labels = Tensor | ArrayLike<number>;

/** Options of {@link confusion}. */
export interface ConfusionOptions {
  numClasses: number;
  /** The label of pixels that do not count. Default 255; null: there is none. */
  ignoreIndex?: number | null;
}

const OPTIONS = ['numClasses', 'ignoreIndex'];

/**
 * Counts how often pixels of each class were taken for each: `numClasses` x `numClasses`, row by row, rows being the truth; as
 * scikit-learn's `confusion_matrix`. Pixels whose truth is `ignoreIndex` are left out. Matrices of parts add up.
 *
 * @param predicted classes from 0 to numClasses - 1
 * @param target the truth, of the same shape
 * @throws RangeError for other sizes and for labels that are no class, TypeError for labels that are no integers
 * @example
 * segment.confusion([0, 1, 1, 0], [0, 1, 0, 255], { numClasses: 2 }); // Float64Array [1, 1, 0, 1]
 */
export function confusion(predicted: Labels, target: Labels, options: ConfusionOptions): Float64Array {
  checkPositions('confusion', arguments, 3);
  checkOptions('confusion', options ?? {}, OPTIONS);
  const { ignoreIndex = 255 } = options ?? {};
  const numClasses = checkCount('confusion', 'numClasses', options?.numClasses);
  if (ignoreIndex !== null && !Number.isInteger(ignoreIndex))
    throw new TypeError(
      `Expected an integer or null for confusion ignoreIndex, got ${describeValue(ignoreIndex)}`,
    );
  const shapes = [shapeOf('predicted', predicted), shapeOf('target', target)] as const;
  const isSame =
    predicted instanceof Tensor && target instanceof Tensor
      ? shapes[0].join() === shapes[1].join()
      : countOf(shapes[0]) === countOf(shapes[1]);
  if (!isSame)
    throw new RangeError(
      `Expected labels of the target's size [${shapes[1].join(', ')}] for confusion predicted, got [${shapes[0].join(', ')}]`,
    );
  return predicted instanceof Tensor && target instanceof Tensor
    ? ofTensors(predicted, target, numClasses, ignoreIndex)
    : ofArrays(numbersOf(predicted), numbersOf(target), numClasses, ignoreIndex);
}

const countOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

function shapeOf(name: string, labels: Labels): readonly number[] {
  if (labels instanceof Tensor) {
    if (INTEGERS.has(labels.dtype)) return labels.shape;
    throw new TypeError(`Expected integer labels for confusion ${name}, got ${labels.dtype}`);
  }
  const { length } = (labels ?? {}) as { length?: unknown };
  if (typeof labels === 'object' && typeof length === 'number') return [length];
  throw new TypeError(`Expected a Tensor or an array for confusion ${name}, got ${describeValue(labels)}`);
}

const INTEGERS: ReadonlySet<string> = new Set(['uint8', 'int8', 'int16', 'int32', 'int64']);

function numbersOf(labels: Labels): ArrayLike<number> {
  if (!(labels instanceof Tensor)) return labels;
  return scope(() =>
    Array.from(labels.to({ device: 'cpu', dtype: 'float64' }).contiguous().data() as Float64Array),
  );
}

function ofArrays(
  predicted: ArrayLike<number>,
  target: ArrayLike<number>,
  numClasses: number,
  ignoreIndex: number | null,
): Float64Array {
  const counts = new Float64Array(numClasses * numClasses);
  const isClass = (label: unknown) =>
    Number.isInteger(label) && (label as number) >= 0 && (label as number) < numClasses;
  for (let i = 0; i < target.length; i++) {
    const [truth, guess] = [target[i] as number, predicted[i] as number];
    if (truth === ignoreIndex) continue;
    if (!isClass(truth)) throw noClass('target', truth, numClasses);
    if (!isClass(guess)) throw noClass('predicted', guess, numClasses);
    const place = truth * numClasses + guess;
    counts[place] = (counts[place] as number) + 1;
  }
  return counts;
}

function ofTensors(
  predicted: Tensor,
  target: Tensor,
  numClasses: number,
  ignoreIndex: number | null,
): Float64Array {
  return noGrad(() =>
    scope(() => {
      const truths = target.to('int64').flatten();
      const guesses = predicted.to({ device: target.device, dtype: 'int64' }).flatten();
      const kept = ignoreIndex === null ? undefined : truths.ne(ignoreIndex);
      const [truth, guess] =
        kept === undefined ? [truths, guesses] : [truths.maskedSelect(kept), guesses.maskedSelect(kept)];
      if (truth.numel() > 0) {
        checkRange('target', truth, numClasses);
        checkRange('predicted', guess, numClasses);
      }
      const places = truth.mul(numClasses).add(guess);
      const counts = places.bincount(null, numClasses * numClasses);
      return Float64Array.from(counts.to({ device: 'cpu', dtype: 'float64' }).data() as Float64Array);
    }),
  );
}

function checkRange(name: string, labels: Tensor, numClasses: number): void {
  for (const bound of [labels.min(), labels.max()]) {
    const label = Number(bound.item());
    if (label < 0 || label >= numClasses) throw noClass(name, label, numClasses);
  }
}

function noClass(name: string, label: unknown, numClasses: number): RangeError {
  const advice = name === 'target' ? '; pass ignoreIndex for pixels that do not count' : '';
  return new RangeError(
    `Expected classes from 0 to ${numClasses - 1} for confusion ${name}, got ${describeValue(label)}${advice}`,
  );
}
