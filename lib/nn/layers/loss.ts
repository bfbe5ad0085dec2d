import { checkOptions, checkPositions } from '../../options.ts';
import { ops, type Tensor } from '../../tensor/index.ts';
import type { CrossEntropyOptions } from '../functional/loss.ts';
import { Module } from '../module/module.ts';
import { type Reduction, reductionCode } from '../sizes.ts';

/**
 * Cross-entropy between logits (N, C, ...) and targets: class numbers, int64 (N, ...), or probabilities (N, C, ...).
 *
 * @example
 * const loss = new nn.CrossEntropyLoss({ labelSmoothing: 0.1 }).forward(logits, labels);
 */
export class CrossEntropyLoss extends Module {
  weight: Tensor | null = null;
  readonly ignoreIndex: number;
  readonly reduction: Reduction;
  readonly labelSmoothing: number;

  constructor(options: CrossEntropyOptions = {}) {
    checkPositions('CrossEntropyLoss', arguments, 1);
    super();
    checkOptions('CrossEntropyLoss', options, ['weight', 'ignoreIndex', 'reduction', 'labelSmoothing']);
    this.registerBuffer('weight', options.weight ?? null);
    this.ignoreIndex = options.ignoreIndex ?? -100;
    this.reduction = options.reduction ?? 'mean';
    this.labelSmoothing = options.labelSmoothing ?? 0;
    reductionCode('CrossEntropyLoss', this.reduction);
  }

  forward(x: Tensor, target: Tensor): Tensor {
    const { weight, ignoreIndex, reduction, labelSmoothing } = this;
    const code = reductionCode('CrossEntropyLoss', reduction);
    return ops.aten.cross_entropy_loss(x, target, weight, code, ignoreIndex, labelSmoothing);
  }
}
