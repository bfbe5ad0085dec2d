import { checkCount, checkOptions, checkPositions, describeValue } from '../../options.ts';
import { noGrad, scope, Tensor } from '../../tensor/index.ts';
import { type ConfusionOptions, confusion } from './confusion.ts';
import { type FiguresOptions, figuresOf, type SegmentFigures } from './figures.ts';

/** Options of {@link SegmentMetrics}. */
export interface SegmentMetricsOptions extends FiguresOptions, Pick<ConfusionOptions, 'ignoreIndex'> {}

/**
 * Counts what a network gets right, over any number of batches: what `train.evaluate` fills.
 *
 * @example
 * const metrics = new segment.SegmentMetrics(2, { classes: ['ground', 'sky'] });
 * metrics.update(tensor([[0, 1], [1, 1]], { dtype: 'int64' }), tensor([[0, 1], [0, 255]], { dtype: 'int64' }));
 * metrics.summary().pixelAccuracy; // 2/3
 */
export class SegmentMetrics {
  readonly numClasses: number;
  readonly #options: SegmentMetricsOptions;
  readonly #counts: Float64Array;

  constructor(numClasses: number, options: SegmentMetricsOptions = {}) {
    checkPositions('SegmentMetrics', arguments, 2);
    checkOptions('SegmentMetrics', options, ['classes', 'ignoreIndex']);
    this.numClasses = checkCount('SegmentMetrics', 'numClasses', numClasses);
    this.#options = options;
    this.#counts = new Float64Array(numClasses * numClasses);
  }

  /**
   * Takes a batch.
   *
   * @param output classes (N, H, W), or scores (N, numClasses, H, W)
   * @param target classes (N, H, W)
   */
  update(output: Tensor, target: Tensor): void {
    checkPositions('SegmentMetrics.update', arguments, 2);
    if (!(output instanceof Tensor))
      throw new TypeError(`Expected a Tensor for SegmentMetrics.update output, got ${describeValue(output)}`);
    const { ignoreIndex } = this.#options;
    scope(() => {
      const labels = output.isFloatingPoint() ? noGrad(() => output.argmax(1)) : output;
      const added = { numClasses: this.numClasses, ...(ignoreIndex === undefined ? {} : { ignoreIndex }) };
      this.add(confusion(labels, target, added));
    });
  }

  /** Adds another confusion matrix, of another process for example. */
  add(counts: ArrayLike<number>): void {
    checkPositions('SegmentMetrics.add', arguments, 1);
    if (counts?.length !== this.#counts.length)
      throw new RangeError(
        `Expected ${this.#counts.length} counts for SegmentMetrics.add, got ${counts?.length ?? describeValue(counts)}`,
      );
    for (let i = 0; i < this.#counts.length; i++)
      this.#counts[i] = (this.#counts[i] as number) + (counts[i] as number);
  }

  /** How often each class (row) was taken for each (column). */
  confusion(): Float64Array {
    return Float64Array.from(this.#counts);
  }

  /** @throws RangeError before the first pixel that counts */
  summary(): SegmentFigures {
    const { classes } = this.#options;
    return figuresOf(this.#counts, classes === undefined ? {} : { classes });
  }
}
