import { ops, type Tensor } from '../../../tensor/index.ts';
import { type Call, checkTensor, maybeTensor, real, whole } from '../../arguments.ts';
import { type Reduction, reduced, reductionCode } from '../../sizes.ts';
import {
  type LegacyReduction,
  type LossPositions,
  LossSignature,
  legacy,
  reductions,
  type WeightedLossPositions,
} from './arguments.ts';
import { checkMultiMargin } from './checks.ts';
import { LOSS, type LossOptions, WEIGHTED_LOSS, type WeightedLossOptions } from './elements.ts';

/** Options of the cross-entropy loss. */
export interface CrossEntropyOptions extends LegacyReduction {
  /** A factor per class (C). */
  weight?: Tensor | null;
  /** Targets with this class are left out. Default -100. */
  ignoreIndex?: number;
  /** Default `'mean'`. */
  reduction?: Reduction;
  /** From 0 (default) to 1. */
  labelSmoothing?: number;
}

/** What the cross-entropy loss takes in order. */
export type CrossEntropyPositions = [
  weight?: Tensor | null,
  sizeAverage?: boolean | null,
  ignoreIndex?: number,
  reduce?: boolean | null,
  reduction?: Reduction,
  labelSmoothing?: number,
];

/** The arguments of the cross-entropy loss, of function and layer. */
export const CROSS_ENTROPY = new LossSignature<CrossEntropyOptions>({
  weight: maybeTensor(),
  sizeAverage: legacy(),
  ignoreIndex: whole(Number.NEGATIVE_INFINITY, -100),
  reduce: legacy(),
  reduction: reductions(),
  labelSmoothing: real(0),
});

/**
 * Cross-entropy between logits (N, C, ...) and targets: class numbers, int64 (N, ...), or probabilities (N, C, ...).
 *
 * @example
 * nn.functional.crossEntropy(logits, tensor([3, 1], { dtype: 'int64' })).backward();
 */
export function crossEntropy(
  x: Tensor,
  target: Tensor,
  ...given: Call<CrossEntropyPositions, CrossEntropyOptions>
): Tensor {
  const { weight, ignoreIndex, reduction, labelSmoothing } = CROSS_ENTROPY.read('crossEntropy', given);
  const code = reductionCode('crossEntropy', reduction);
  return ops.aten.cross_entropy_loss(x, target, weight, code, ignoreIndex, labelSmoothing);
}

/** Options of `nllLoss`. */
export interface NllLossOptions extends WeightedLossOptions {
  /** Targets with this class are left out. Default -100. */
  ignoreIndex?: number;
}

/** What `nllLoss` takes in order. */
export type NllLossPositions = [
  weight?: Tensor | null,
  sizeAverage?: boolean | null,
  ignoreIndex?: number,
  reduce?: boolean | null,
  reduction?: Reduction,
];

/** The arguments of the negative log-likelihood, of function and layer. */
export const NLL_LOSS = new LossSignature<NllLossOptions>({
  weight: maybeTensor(),
  sizeAverage: legacy(),
  ignoreIndex: whole(Number.NEGATIVE_INFINITY, -100),
  reduce: legacy(),
  reduction: reductions(),
});

/** Negative log-likelihood of log-probabilities (N, C, ...) for classes, int64 (N, ...); `weight` is a factor per class. */
export function nllLoss(x: Tensor, target: Tensor, ...given: Call<NllLossPositions, NllLossOptions>): Tensor {
  const { weight, ignoreIndex, reduction } = NLL_LOSS.read('nllLoss', given);
  return ops.aten.nll_loss_nd(x, target, weight, reductionCode('nllLoss', reduction), ignoreIndex);
}

/** Hinge loss of several classes a sample: `target` lists them, int64 (N, C), up to the first -1. */
export function multilabelMarginLoss(
  x: Tensor,
  target: Tensor,
  ...given: Call<LossPositions, LossOptions>
): Tensor {
  const { reduction } = LOSS.read('multilabelMarginLoss', given);
  return ops.aten.multilabel_margin_loss(x, target, reductionCode('multilabelMarginLoss', reduction));
}

/** log(1 + exp(-target * x)) for targets 1 and -1. */
export function softMarginLoss(
  x: Tensor,
  target: Tensor,
  ...given: Call<LossPositions, LossOptions>
): Tensor {
  const { reduction } = LOSS.read('softMarginLoss', given);
  return ops.aten.soft_margin_loss(x, target, reductionCode('softMarginLoss', reduction));
}

/** Binary cross-entropy of logits (N, C), averaged over the classes; `weight` is a factor per class. */
export function multilabelSoftMarginLoss(
  x: Tensor,
  target: Tensor,
  ...given: Call<WeightedLossPositions, WeightedLossOptions>
): Tensor {
  const { weight, reduction } = WEIGHTED_LOSS.read('multilabelSoftMarginLoss', given);
  checkTensor('multilabelSoftMarginLoss', 'x', x);
  checkTensor('multilabelSoftMarginLoss', 'target', target);
  if (x.dim() === 0)
    throw new RangeError('Expected 1 or more dimensions for multilabelSoftMarginLoss argument "x", got 0');
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

/** What `multiMarginLoss` takes in order. */
export type MultiMarginLossPositions = [
  p?: number,
  margin?: number,
  weight?: Tensor | null,
  sizeAverage?: boolean | null,
  reduce?: boolean | null,
  reduction?: Reduction,
];

/** The arguments of the multi-class margin loss, of function and layer. */
export const MULTI_MARGIN_LOSS = new LossSignature<MultiMarginLossOptions>({
  p: real(1),
  margin: real(1),
  weight: maybeTensor(),
  sizeAverage: legacy(),
  reduce: legacy(),
  reduction: reductions(),
});

/** Hinge loss between scores (N, C) and classes, int64 (N); `weight` is a factor per class. */
export function multiMarginLoss(
  x: Tensor,
  target: Tensor,
  ...given: Call<MultiMarginLossPositions, MultiMarginLossOptions>
): Tensor {
  const { p, margin, weight, reduction } = MULTI_MARGIN_LOSS.read('multiMarginLoss', given);
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
