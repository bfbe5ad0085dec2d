import type { CollectiveOptions } from '../../distributed/index.ts';
import { crossEntropy } from '../../nn/functional/index.ts';
import { checkOptions, checkPositions, checkTexts } from '../../options.ts';
import { noGrad, scope, type Tensor } from '../../tensor/index.ts';
import { checkScores, ranksOf } from './ranks.ts';
import { sumOverRanks } from './sum-over-ranks.ts';

/** Options of {@link ClassificationMetrics}. */
export interface ClassificationOptions {
  /** What the classes are called. Default "0", "1" and so on. */
  classes?: readonly string[];
}

/** What became of one class's samples. */
export interface ClassSummary {
  readonly class: string;
  readonly samples: number;
  /** Per cent of them; null where there were none, and for `top5` of fewer than five classes. */
  readonly top1: number | null;
  readonly top5: number | null;
  /** The other class that is named most often for it, and how often; null where none is. */
  readonly mistakenFor: { readonly class: string; readonly samples: number } | null;
}

/** Figures over all samples, in per cent. */
export interface ClassificationSummary {
  readonly samples: number;
  /** Mean cross-entropy. */
  readonly loss: number;
  readonly top1: number;
  /** 100 less the accuracy, as the paper's tables have it. */
  readonly top1Error: number;
  /** Null for fewer than five classes. */
  readonly top5: number | null;
  readonly top5Error: number | null;
  /** Mean of the classes' own accuracies, over those that have samples. */
  readonly meanClassTop1: number;
  /** Samples with a score that is no finite number. */
  readonly nonFinite: number;
}

/**
 * Counts what a classifier gets right, over any number of batches.
 *
 * @example
 * const metrics = new train.ClassificationMetrics(3, { classes: ['ant', 'bee', 'cat'] });
 * metrics.update(tensor([[2, 1, 0], [0, 1, 2]]), tensor([0, 1], { dtype: 'int64' }));
 * metrics.summary().top1; // 50
 * metrics.confusion()[1]; // [0, 0, 1]: bees, of which one was called a cat
 */
export class ClassificationMetrics {
  readonly numClasses: number;
  readonly classes: readonly string[];
  readonly #confusion: Float64Array;
  readonly #topFive: Float64Array;
  #loss = 0;
  #samples = 0;
  #nonFinite = 0;

  constructor(numClasses: number, options: ClassificationOptions = {}) {
    checkPositions('ClassificationMetrics', arguments, 2);
    checkOptions('ClassificationMetrics', options, ['classes']);
    if (!Number.isInteger(numClasses) || numClasses < 1) {
      throw new RangeError(
        `Expected a positive integer for ClassificationMetrics numClasses, got ${numClasses}`,
      );
    }
    const { classes = Array.from({ length: numClasses }, (_, index) => String(index)) } = options;
    checkTexts('ClassificationMetrics classes', 'names', classes);
    if (classes.length !== numClasses) {
      throw new RangeError(
        `Expected ${numClasses} names for ClassificationMetrics classes, got ${classes.length}`,
      );
    }
    this.numClasses = numClasses;
    this.classes = [...classes];
    this.#confusion = new Float64Array(numClasses * numClasses);
    this.#topFive = new Float64Array(numClasses);
  }

  /**
   * Takes a batch.
   *
   * @param output logits (N, C)
   * @param target classes, int64 (N)
   */
  update(output: Tensor, target: Tensor): void {
    checkPositions('ClassificationMetrics.update', arguments, 2);
    const [, classes] = checkScores(output, target, 'ClassificationMetrics.update');
    if (classes !== this.numClasses) {
      throw new RangeError(
        `Expected scores of ${this.numClasses} classes for ClassificationMetrics.update, got ${classes}`,
      );
    }
    const { ranks, predicted, truths } = ranksOf(output, target, 5);
    for (const [sample, truth] of truths.entries()) {
      this.#add(truth, predicted[sample] as number, ranks[sample] as number);
    }
    const { loss, nonFinite } = lossOf(output, target);
    this.#loss += loss;
    this.#nonFinite += nonFinite;
    this.#samples += truths.length;
  }

  /**
   * Puts together what all ranks of a process group have counted, each of samples of its own: figures are those of all, on
   * every rank. Call it once, behind the last batch; a rank may have had none.
   *
   * @throws TorchError `ERR_DISTRIBUTED_NOT_INITIALIZED` without a process group, `ERR_DISTRIBUTED_PEER` where a rank fails
   */
  async allReduce(options: CollectiveOptions = {}): Promise<void> {
    checkPositions('ClassificationMetrics.allReduce', arguments, 1);
    checkOptions('ClassificationMetrics.allReduce', options, ['group', 'timeout']);
    const counted = [this.#loss, this.#samples, this.#nonFinite];
    const sums = await sumOverRanks(
      Float64Array.from([...counted, ...this.#topFive, ...this.#confusion]),
      options,
    );
    [this.#loss, this.#samples, this.#nonFinite] = sums as unknown as [number, number, number];
    this.#topFive.set(sums.subarray(3, 3 + this.numClasses));
    this.#confusion.set(sums.subarray(3 + this.numClasses));
  }

  /** How often each class (row) was taken for each (column). */
  confusion(): number[][] {
    return this.classes.map((_, truth) => Array.from(this.#row(truth)));
  }

  /** @throws RangeError before the first batch */
  summary(): ClassificationSummary {
    if (this.#samples === 0) throw new RangeError('Expected at least one batch before summary(), got none');
    const perClass = this.perClass();
    const share = (count: number) => (100 * count) / this.#samples;
    const top1 = share(this.classes.reduce((sum, _, index) => sum + this.#right(index), 0));
    const top5 = this.numClasses < 5 ? null : share(this.#topFive.reduce((sum, count) => sum + count, 0));
    const seen = perClass.filter(({ samples }) => samples > 0);
    return {
      samples: this.#samples,
      loss: this.#loss / this.#samples,
      top1,
      top1Error: 100 - top1,
      top5,
      top5Error: top5 === null ? null : 100 - top5,
      meanClassTop1: seen.reduce((sum, entry) => sum + (entry.top1 as number), 0) / seen.length,
      nonFinite: this.#nonFinite,
    };
  }

  perClass(): ClassSummary[] {
    return this.classes.map((name, index) => {
      const row = this.#row(index);
      const samples = row.reduce((sum, count) => sum + count, 0);
      const share = (count: number) => (samples === 0 ? null : (100 * count) / samples);
      return {
        class: name,
        samples,
        top1: share(this.#right(index)),
        top5: this.numClasses < 5 ? null : share(this.#topFive[index] as number),
        mistakenFor: this.#mistake(index),
      };
    });
  }

  #add(truth: number, predicted: number, rank: number): void {
    this.#row(truth)[predicted] = (this.#row(truth)[predicted] as number) + 1;
    if (rank < 5) this.#topFive[truth] = (this.#topFive[truth] as number) + 1;
  }

  #row(truth: number): Float64Array {
    return this.#confusion.subarray(truth * this.numClasses, (truth + 1) * this.numClasses);
  }

  #right(index: number): number {
    return this.#row(index)[index] as number;
  }

  #mistake(truth: number): ClassSummary['mistakenFor'] {
    const row = Float64Array.from(this.#row(truth));
    row[truth] = 0;
    const most = Math.max(...row);
    return most === 0 ? null : { class: this.classes[row.indexOf(most)] as string, samples: most };
  }
}

/** Sums in double precision: that of a large data set does not depend on its batches. */
function lossOf(output: Tensor, target: Tensor): { loss: number; nonFinite: number } {
  return scope(() =>
    noGrad(() => {
      const scores = output.to('float64');
      const losses = crossEntropy(scores, target, { reduction: 'none' });
      const broken = scores.isfinite().all(1).logicalNot().sum();
      return { loss: Number(losses.sum().item()), nonFinite: Number(broken.item()) };
    }),
  );
}
