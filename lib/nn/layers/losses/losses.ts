import type { Tensor } from '../../../tensor/index.ts';
import { checkMargin, checkMultiMargin } from '../../functional/losses/checks.ts';
import {
  type CrossEntropyOptions,
  crossEntropy,
  type MultiMarginLossOptions,
  multilabelMarginLoss,
  multilabelSoftMarginLoss,
  multiMarginLoss,
  type NllLossOptions,
  nllLoss,
  softMarginLoss,
} from '../../functional/losses/classes.ts';
import * as F from '../../functional/losses/elements.ts';
import {
  cosineEmbeddingLoss,
  hingeEmbeddingLoss,
  type MarginLossOptions,
  marginRankingLoss,
  type TripletMarginLossOptions,
  tripletMarginLoss,
} from '../../functional/losses/embeddings.ts';
import { lossClass } from './define.ts';

type Pair = [x: Tensor, target: Tensor];
type TwoInputs = [x1: Tensor, x2: Tensor, target: Tensor];
type Triplet = [anchor: Tensor, positive: Tensor, negative: Tensor];
type Lengths = Tensor | readonly number[];
type LengthInputs = [logProbs: Tensor, targets: Tensor, inputLengths: Lengths, targetLengths: Lengths];

/** |x - target|, reduced. */
export class L1Loss extends lossClass<Pair, F.LossOptions>({
  compute: F.l1Loss,
  defaults: { reduction: 'mean' },
}) {}

/**
 * (x - target) squared, reduced.
 *
 * @example new nn.MSELoss().forward(output, target).backward();
 */
export class MSELoss extends lossClass<Pair, F.LossOptions>({
  compute: F.mseLoss,
  defaults: { reduction: 'mean' },
}) {}

/** Squared below `beta`, linear above. */
export class SmoothL1Loss extends lossClass<Pair, F.LossOptions & { beta?: number }>({
  compute: F.smoothL1Loss,
  defaults: { reduction: 'mean', beta: 1 },
}) {}

/** Squared below `delta`, linear with slope `delta` above. */
export class HuberLoss extends lossClass<Pair, F.LossOptions & { delta?: number }>({
  compute: F.huberLoss,
  defaults: { reduction: 'mean', delta: 1 },
}) {}

/** Binary cross-entropy of probabilities. */
export class BCELoss extends lossClass<Pair, F.WeightedLossOptions>({
  compute: F.binaryCrossEntropy,
  defaults: { reduction: 'mean', weight: null },
}) {}

/** Binary cross-entropy of logits; the buffer of `posWeight` is `pos_weight`, as in torch. */
export class BCEWithLogitsLoss extends lossClass<Pair, F.WeightedLossOptions & { posWeight?: Tensor | null }>(
  {
    compute: F.binaryCrossEntropyWithLogits,
    defaults: { reduction: 'mean', weight: null, posWeight: null },
  },
) {}

/** Negative log-likelihood of log-probabilities (N, C, ...) for classes, int64 (N, ...). */
export class NLLLoss extends lossClass<Pair, NllLossOptions>({
  compute: nllLoss,
  defaults: { reduction: 'mean', weight: null, ignoreIndex: -100 },
}) {}

/**
 * Cross-entropy between logits (N, C, ...) and targets: class numbers, int64 (N, ...), or probabilities (N, C, ...).
 *
 * @example const loss = new nn.CrossEntropyLoss({ labelSmoothing: 0.1 }).forward(logits, labels);
 */
export class CrossEntropyLoss extends lossClass<Pair, CrossEntropyOptions>({
  compute: crossEntropy,
  defaults: { reduction: 'mean', weight: null, ignoreIndex: -100, labelSmoothing: 0 },
}) {}

/** Kullback-Leibler divergence of log-probabilities from target probabilities; `reduction: 'batchmean'` is its definition. */
export class KLDivLoss extends lossClass<Pair, F.KlDivOptions>({
  compute: F.klDiv,
  defaults: { reduction: 'mean', logTarget: false },
}) {}

/** Negative log-likelihood of counts under a Poisson distribution. */
export class PoissonNLLLoss extends lossClass<Pair, F.PoissonNllLossOptions>({
  compute: F.poissonNllLoss,
  defaults: { reduction: 'mean', logInput: true, full: false, eps: 1e-8 },
}) {}

/** Negative log-likelihood of targets under Gaussians with means `x`. */
export class GaussianNLLLoss extends lossClass<
  [x: Tensor, target: Tensor, variance: Tensor | number],
  F.GaussianNllLossOptions
>({
  compute: F.gaussianNllLoss,
  defaults: { reduction: 'mean', full: false, eps: 1e-6 },
}) {}

/** x for targets 1, max(0, margin - x) for targets -1. */
export class HingeEmbeddingLoss extends lossClass<Pair, MarginLossOptions>({
  compute: hingeEmbeddingLoss,
  defaults: { reduction: 'mean', margin: 1 },
}) {}

/** Hinge loss of several classes a sample. */
export class MultiLabelMarginLoss extends lossClass<Pair, F.LossOptions>({
  compute: multilabelMarginLoss,
  defaults: { reduction: 'mean' },
}) {}

/** log(1 + exp(-target * x)) for targets 1 and -1. */
export class SoftMarginLoss extends lossClass<Pair, F.LossOptions>({
  compute: softMarginLoss,
  defaults: { reduction: 'mean' },
}) {}

/** Binary cross-entropy of logits (N, C), averaged over the classes. */
export class MultiLabelSoftMarginLoss extends lossClass<Pair, F.WeightedLossOptions>({
  compute: multilabelSoftMarginLoss,
  defaults: { reduction: 'mean', weight: null },
}) {}

/** Hinge loss between scores (N, C) and classes, int64 (N). */
export class MultiMarginLoss extends lossClass<Pair, MultiMarginLossOptions>({
  compute: multiMarginLoss,
  defaults: { reduction: 'mean', p: 1, margin: 1, weight: null },
  check: ({ p, weight }) => checkMultiMargin('MultiMarginLoss', p, weight),
}) {}

/** max(0, -target * (x1 - x2) + margin). */
export class MarginRankingLoss extends lossClass<TwoInputs, MarginLossOptions>({
  compute: marginRankingLoss,
  defaults: { reduction: 'mean', margin: 0 },
}) {}

/** 1 - cos(x1, x2) for targets 1, max(0, cos(x1, x2) - margin) for targets -1. */
export class CosineEmbeddingLoss extends lossClass<TwoInputs, MarginLossOptions>({
  compute: cosineEmbeddingLoss,
  defaults: { reduction: 'mean', margin: 0 },
}) {}

/**
 * max(0, margin + d(anchor, positive) - d(anchor, negative)).
 *
 * @example new nn.TripletMarginLoss({ margin: 0.3 }).forward(anchor, positive, negative);
 */
export class TripletMarginLoss extends lossClass<Triplet, TripletMarginLossOptions>({
  compute: tripletMarginLoss,
  defaults: { reduction: 'mean', margin: 1, p: 2, eps: 1e-6, swap: false },
  check: ({ margin }) => checkMargin('TripletMarginLoss', margin),
}) {}

/** Connectionist temporal classification of log-probabilities (T, N, C). */
export class CTCLoss extends lossClass<LengthInputs, F.CtcLossOptions>({
  compute: F.ctcLoss,
  defaults: { reduction: 'mean', blank: 0, zeroInfinity: false },
}) {}

/** @deprecated As in torch: NLLLoss itself takes (N, C, H, W). */
export class NLLLoss2d extends lossClass<Pair, NllLossOptions>({
  compute: nllLoss,
  defaults: { reduction: 'mean', weight: null, ignoreIndex: -100 },
}) {}
