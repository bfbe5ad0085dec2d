import { checkPositions } from '../../options.ts';
import type { Tensor } from '../../tensor/index.ts';
import { checkScores, ranksOf } from './ranks.ts';

/**
 * Per cent of samples whose class is among the `k` most probable, for each `k`: `accuracy` of the published script.
 *
 * @param output scores (N, C)
 * @param target classes, int64 (N)
 * @param topk each from 1 to C. Default [1]
 * @throws TypeError for other dtypes, RangeError for other shapes, classes outside 0 to C - 1, and a `k` over C
 * @example
 * const scores = tensor([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]]);
 * train.accuracy(scores, tensor([1, 2], { dtype: 'int64' }), [1, 2]); // [50, 100]
 */
export function accuracy(output: Tensor, target: Tensor, topk: readonly number[] = [1]): number[] {
  checkPositions('accuracy', arguments, 3);
  const [samples, classes] = checkScores(output, target, 'accuracy');
  checkTopk(topk, classes);
  const ranks = ranksOf(output, target, Math.max(...topk)).ranks;
  return topk.map((k) => (100 * ranks.filter((rank) => rank < k).length) / samples);
}

function checkTopk(topk: readonly number[], classes: number): void {
  const isFine = Array.isArray(topk) && topk.length > 0;
  const wrong = isFine ? topk.find((k) => !Number.isInteger(k) || k < 1 || k > classes) : topk;
  if (isFine && wrong === undefined) return;
  throw new RangeError(`Expected whole numbers from 1 to ${classes} for accuracy topk, got ${wrong}`);
}
