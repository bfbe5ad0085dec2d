import { checkOptions } from '../../../options.ts';
import { ops, type Tensor } from '../../../tensor/index.ts';
import { type Reduction, reduced, reductionCode } from '../../sizes.ts';
import { checkMultiMargin } from './checks.ts';
import type { LossOptions, WeightedLossOptions } from './elements.ts';

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

/** Options of `nllLoss`. */
export interface NllLossOptions extends WeightedLossOptions {
  /** Targets with this class are left out. Default -100. */
  ignoreIndex?: number;
}

/** Negative log-likelihood of log-probabilities (N, C, ...) for classes, int64 (N, ...); `weight` is a factor per class. */
export function nllLoss(x: Tensor, target: Tensor, options: NllLossOptions = {}): Tensor {
  checkOptions('nllLoss', options, ['reduction', 'weight', 'ignoreIndex']);
  const { weight = null, ignoreIndex = -100, reduction = 'mean' } = options;
  return ops.aten.nll_loss_nd(x, target, weight, reductionCode('nllLoss', reduction), ignoreIndex);
}

/** Hinge loss of several classes a sample: `target` lists them, int64 (N, C), up to the first -1. */
export function multilabelMarginLoss(x: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  checkOptions('multilabelMarginLoss', options, ['reduction']);
  return ops.aten.multilabel_margin_loss(x, target, codeOf('multilabelMarginLoss', options));
}

/** log(1 + exp(-target * x)) for targets 1 and -1. */
export function softMarginLoss(x: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  checkOptions('softMarginLoss', options, ['reduction']);
  return ops.aten.soft_margin_loss(x, target, codeOf('softMarginLoss', options));
}

function codeOf(name: string, { reduction = 'mean' }: LossOptions): number {
  return reductionCode(name, reduction);
}

/** Binary cross-entropy of logits (N, C), averaged over the classes; `weight` is a factor per class. */
export function multilabelSoftMarginLoss(
  x: Tensor,
  target: Tensor,
  options: WeightedLossOptions = {},
): Tensor {
  checkOptions('multilabelSoftMarginLoss', options, ['reduction', 'weight']);
  const { weight = null, reduction = 'mean' } = options;
  reductionCode('multilabelSoftMarginLoss', reduction);
  const positive = target.mul(ops.aten.log_sigmoid(x));
  const negative = target.rsub(1).mul(ops.aten.log_sigmoid(x.neg()));
  const losses = positive.add(negative).neg();
  const factored = weight === null ? losses : losses.mul(weight);
  return reduced(factored.sum([-1]).div(x.shape.at(-1) ?? 1), reduction);
}

/** Options of `multiMarginLoss`. */
export interface MultiMarginLossOptions extends WeightedLossOptions {
  /** Exponent, 1 (default) or 2. */
  p?: number;
  /** Default 1. */
  margin?: number;
}

/** Hinge loss between scores (N, C) and classes, int64 (N); `weight` is a factor per class. */
export function multiMarginLoss(x: Tensor, target: Tensor, options: MultiMarginLossOptions = {}): Tensor {
  checkOptions('multiMarginLoss', options, ['reduction', 'weight', 'p', 'margin']);
  const { p = 1, margin = 1, weight = null, reduction = 'mean' } = options;
  checkMultiMargin('multiMarginLoss', p, weight);
  return ops.aten.multi_margin_loss(
    x,
    target,
    p,
    margin,
    weight,
    reductionCode('multiMarginLoss', reduction),
  );
}
