import { checkOptions, checkPositions, checkTexts, describeValue } from '../../options.ts';

/** How well the pixels of one class were told. Shares are from 0 to 1; null where there is nothing to share. */
export interface SegmentClassFigures {
  readonly class: string;
  /** Pixels of the class in the truth, and those taken for it. */
  readonly pixels: number;
  readonly predicted: number;
  /** Of the pixels that are of the class or were taken for it, those that are both. */
  readonly iou: number | null;
  /** Of the pixels of the class, those taken for it (recall). */
  readonly accuracy: number | null;
  /** Of the pixels taken for it, those of the class. */
  readonly precision: number | null;
}

/** Figures over all pixels, from 0 to 1. */
export interface SegmentFigures {
  /** Pixels that count. */
  readonly pixels: number;
  /** Mean of the classes' IoU, over those that are in the truth or in the predictions. */
  readonly mIoU: number;
  readonly pixelAccuracy: number;
  /** Mean of the classes' accuracies, over those that are in the truth. */
  readonly meanAccuracy: number;
  /** IoU weighted by the classes' shares of the pixels. */
  readonly frequencyWeightedIoU: number;
  readonly perClass: readonly SegmentClassFigures[];
}

/** Options of {@link figuresOf}. */
export interface FiguresOptions {
  /** What the classes are called. Default "0", "1" and so on. */
  classes?: readonly string[];
}

/**
 * Mean IoU, pixel and mean accuracy, and the same for each class, from a confusion matrix.
 *
 * @param counts square, row by row, rows being the truth, as `confusion` gives it
 * @throws RangeError for a matrix that is not square, without pixels, or of another size than `classes`
 * @example
 * segment.figuresOf([3, 1, 0, 4]).mIoU; // (3/4 + 4/5) / 2
 */
export function figuresOf(counts: ArrayLike<number>, options: FiguresOptions = {}): SegmentFigures {
  checkPositions('figuresOf', arguments, 2);
  checkOptions('figuresOf', options, ['classes']);
  const size = sizeOf(counts);
  const { classes = Array.from({ length: size }, (_, i) => String(i)) } = options;
  checkTexts('figuresOf classes', 'names', classes);
  if (classes.length !== size)
    throw new RangeError(`Expected ${size} names for figuresOf classes, got ${classes.length}`);
  const perClass = classes.map((name, index) => classFigures(name, index, counts, size));
  const pixels = perClass.reduce((sum, one) => sum + one.pixels, 0);
  if (pixels === 0) throw new RangeError('Expected pixels that count for figuresOf, got none');
  const right = classes.reduce((sum, _, i) => sum + (counts[i * size + i] as number), 0);
  return {
    pixels,
    mIoU: meanOf(perClass.map(({ iou }) => iou)),
    pixelAccuracy: right / pixels,
    meanAccuracy: meanOf(perClass.map(({ accuracy }) => accuracy)),
    frequencyWeightedIoU: perClass.reduce((sum, one) => sum + (one.pixels / pixels) * (one.iou ?? 0), 0),
    perClass,
  };
}

const isCount = (value: unknown): boolean => typeof value === 'number' && value >= 0;

function sizeOf(counts: ArrayLike<number>): number {
  const { length } = (counts ?? {}) as { length?: unknown };
  const size = Math.sqrt(typeof length === 'number' ? length : Number.NaN);
  if (Number.isInteger(size) && size > 0 && Array.prototype.every.call(counts, isCount)) return size;
  throw new RangeError(`Expected a square matrix for figuresOf counts, got ${describeValue(counts)}`);
}

function classFigures(
  name: string,
  index: number,
  counts: ArrayLike<number>,
  size: number,
): SegmentClassFigures {
  let [pixels, predicted] = [0, 0];
  for (let other = 0; other < size; other++) {
    pixels += counts[index * size + other] as number;
    predicted += counts[other * size + index] as number;
  }
  const right = counts[index * size + index] as number;
  const share = (of: number) => (of === 0 ? null : right / of);
  return {
    class: name,
    pixels,
    predicted,
    iou: share(pixels + predicted - right),
    accuracy: share(pixels),
    precision: share(predicted),
  };
}

function meanOf(values: readonly (number | null)[]): number {
  const known = values.filter((value) => value !== null);
  return known.reduce((sum, value) => sum + value, 0) / known.length;
}
