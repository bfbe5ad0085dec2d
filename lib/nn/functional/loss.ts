import { checkOptions } from '../../options.ts';
import { ops, type Tensor } from '../../tensor/index.ts';
import { type Reduction, reductionCode } from '../sizes.ts';

/** Options of the cross-entropy loss. */
export interface CrossEntropyOptions {
  /** A factor per class (C). */
  weight?: Tensor | null;
  /** Targets with this class are left out. Default -100. */
  ignoreIndex?: number;
  /** Default `'mean'`. */
  reduction?: Reduction;
  /** From 0 (default) to 1. */
  labelSmoothing?: number;
}

/**
 * Cross-entropy between logits (N, C, ...) and targets: class numbers, int64 (N, ...), or probabilities (N, C, ...).
 *
 * @example
 * nn.functional.crossEntropy(logits, tensor([3, 1], { dtype: 'int64' })).backward();
 */
export function crossEntropy(x: Tensor, target: Tensor, options: CrossEntropyOptions = {}): Tensor {
  checkOptions('crossEntropy', options, ['weight', 'ignoreIndex', 'reduction', 'labelSmoothing']);
  const { weight = null, ignoreIndex = -100, reduction = 'mean', labelSmoothing = 0 } = options;
  const code = reductionCode('crossEntropy', reduction);
  return ops.aten.cross_entropy_loss(x, target, weight, code, ignoreIndex, labelSmoothing);
}
