import type { Tensor } from '../../../tensor/index.ts';
import type { LossPositions, WeightedLossPositions } from '../../functional/losses/arguments.ts';
import { checkMargin, checkMultiMargin } from '../../functional/losses/checks.ts';
import {
  CROSS_ENTROPY,
  type CrossEntropyOptions,
  type CrossEntropyPositions,
  crossEntropy,
  MULTI_MARGIN_LOSS,
  type MultiMarginLossOptions,
  type MultiMarginLossPositions,
  multilabelMarginLoss,
  multilabelSoftMarginLoss,
  multiMarginLoss,
  NLL_LOSS,
  type NllLossOptions,
  type NllLossPositions,
  nllLoss,
  softMarginLoss,
} from '../../functional/losses/classes.ts';
import * as F from '../../functional/losses/elements.ts';
import {
  cosineEmbeddingLoss,
  HINGE_LOSS,
  hingeEmbeddingLoss,
  MARGIN_LOSS,
  type MarginLossOptions,
  type MarginLossPositions,
  marginRankingLoss,
  TRIPLET_MARGIN_LOSS,
  type TripletMarginLossOptions,
  type TripletMarginLossPositions,
  tripletMarginLoss,
} from '../../functional/losses/embeddings.ts';
import type { Reduction } from '../../sizes.ts';
import { lossClass } from './define.ts';

type Pair = [x: Tensor, target: Tensor];
type TwoInputs = [x1: Tensor, x2: Tensor, target: Tensor];
type Triplet = [anchor: Tensor, positive: Tensor, negative: Tensor];
type Lengths = Tensor | readonly number[];
type LengthInputs = [logProbs: Tensor, targets: Tensor, inputLengths: Lengths, targetLengths: Lengths];

/** |x - target|, reduced. */
export class L1Loss extends lossClass<Pair, LossPositions, F.LossOptions>({
  compute: F.l1Loss,
  signature: F.LOSS,
}) {}

/**
 * (x - target) squared, reduced.
 *
 * @example new nn.MSELoss().forward(output, target).backward();
 */
export class MSELoss extends lossClass<Pair, LossPositions, F.LossOptions>({
  compute: F.mseLoss,
  signature: F.LOSS,
}) {}

/** Squared below `beta`, linear above. */
export class SmoothL1Loss extends lossClass<Pair, F.SmoothL1LossPositions, F.SmoothL1LossOptions>({
  compute: F.smoothL1Loss,
  signature: F.SMOOTH_L1_LOSS,
}) {}

/** Squared below `delta`, linear with slope `delta` above. */
export class HuberLoss extends lossClass<Pair, [reduction?: Reduction, delta?: number], F.HuberLossOptions>({
  compute: F.huberLoss,
  signature: F.HUBER_LOSS,
}) {}

/** Binary cross-entropy of probabilities. */
export class BCELoss extends lossClass<Pair, WeightedLossPositions, F.WeightedLossOptions>({
  compute: F.binaryCrossEntropy,
  signature: F.WEIGHTED_LOSS,
}) {}

/** Binary cross-entropy of logits; the buffer of `posWeight` is `pos_weight`, as in torch. */
export class BCEWithLogitsLoss extends lossClass<Pair, F.BceWithLogitsPositions, F.BceWithLogitsOptions>({
  compute: F.binaryCrossEntropyWithLogits,
  signature: F.BCE_WITH_LOGITS,
}) {}

/** Negative log-likelihood of log-probabilities (N, C, ...) for classes, int64 (N, ...). */
export class NLLLoss extends lossClass<Pair, NllLossPositions, NllLossOptions>({
  compute: nllLoss,
  signature: NLL_LOSS,
}) {}

/**
 * Cross-entropy between logits (N, C, ...) and targets: class numbers, int64 (N, ...), or probabilities (N, C, ...).
 *
 * @example const loss = new nn.CrossEntropyLoss({ labelSmoothing: 0.1 }).forward(logits, labels);
 */
export class CrossEntropyLoss extends lossClass<Pair, CrossEntropyPositions, CrossEntropyOptions>({
  compute: crossEntropy,
  signature: CROSS_ENTROPY,
}) {}

/** Kullback-Leibler divergence of log-probabilities from target probabilities; `reduction: 'batchmean'` is its definition. */
export class KLDivLoss extends lossClass<Pair, F.KlDivPositions, F.KlDivOptions>({
  compute: F.klDiv,
  signature: F.KL_DIV,
}) {}

/** Negative log-likelihood of counts under a Poisson distribution. */
export class PoissonNLLLoss extends lossClass<Pair, [], F.PoissonNllLossOptions>({
  compute: F.poissonNllLoss,
  signature: F.POISSON_NLL_LOSS,
}) {}

/** Negative log-likelihood of targets under Gaussians with means `x`. */
export class GaussianNLLLoss extends lossClass<
  [x: Tensor, target: Tensor, variance: Tensor | number],
  [],
  F.GaussianNllLossOptions
>({
  compute: F.gaussianNllLoss,
  signature: F.GAUSSIAN_NLL_LOSS,
}) {}

/** x for targets 1, max(0, margin - x) for targets -1. */
export class HingeEmbeddingLoss extends lossClass<Pair, MarginLossPositions, MarginLossOptions>({
  compute: hingeEmbeddingLoss,
  signature: HINGE_LOSS,
}) {}

/** Hinge loss of several classes a sample. */
export class MultiLabelMarginLoss extends lossClass<Pair, LossPositions, F.LossOptions>({
  compute: multilabelMarginLoss,
  signature: F.LOSS,
}) {}

/** log(1 + exp(-target * x)) for targets 1 and -1. */
export class SoftMarginLoss extends lossClass<Pair, LossPositions, F.LossOptions>({
  compute: softMarginLoss,
  signature: F.LOSS,
}) {}

/** Binary cross-entropy of logits (N, C), averaged over the classes. */
export class MultiLabelSoftMarginLoss extends lossClass<Pair, WeightedLossPositions, F.WeightedLossOptions>({
  compute: multilabelSoftMarginLoss,
  signature: F.WEIGHTED_LOSS,
}) {}

/** Hinge loss between scores (N, C) and classes, int64 (N). */
export class MultiMarginLoss extends lossClass<Pair, MultiMarginLossPositions, MultiMarginLossOptions>({
  compute: multiMarginLoss,
  signature: MULTI_MARGIN_LOSS,
  check: ({ p, weight }) => checkMultiMargin('MultiMarginLoss', p, weight),
}) {}

/** max(0, -target * (x1 - x2) + margin). */
export class MarginRankingLoss extends lossClass<TwoInputs, MarginLossPositions, MarginLossOptions>({
  compute: marginRankingLoss,
  signature: MARGIN_LOSS,
}) {}

/** 1 - cos(x1, x2) for targets 1, max(0, cos(x1, x2) - margin) for targets -1. */
export class CosineEmbeddingLoss extends lossClass<TwoInputs, MarginLossPositions, MarginLossOptions>({
  compute: cosineEmbeddingLoss,
  signature: MARGIN_LOSS,
}) {}

/**
 * max(0, margin + d(anchor, positive) - d(anchor, negative)).
 *
 * @example new nn.TripletMarginLoss({ margin: 0.3 }).forward(anchor, positive, negative);
 */
export class TripletMarginLoss extends lossClass<
  Triplet,
  TripletMarginLossPositions,
  TripletMarginLossOptions
>({
  compute: tripletMarginLoss,
  signature: TRIPLET_MARGIN_LOSS,
  check: ({ margin }) => checkMargin('TripletMarginLoss', margin),
}) {}

/** Connectionist temporal classification of log-probabilities (T, N, C). */
export class CTCLoss extends lossClass<LengthInputs, F.CtcLossPositions, F.CtcLossOptions>({
  compute: F.ctcLoss,
  signature: F.CTC_LOSS,
}) {}

/** @deprecated As in torch: NLLLoss itself takes (N, C, H, W). */
export class NLLLoss2d extends lossClass<Pair, NllLossPositions, NllLossOptions>({
  compute: nllLoss,
  signature: NLL_LOSS,
}) {}
