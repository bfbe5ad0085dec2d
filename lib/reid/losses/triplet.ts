import { functional as F, Module } from '../../nn/index.ts';
import { checkOptions, checkPositions } from '../../options.ts';
import { onesLike, type Tensor } from '../../tensor/index.ts';
import { checkChoice, checkNumber } from '../models/checks.ts';
import { checkFeatures, cosineDist, euclideanDist, pairs } from './distances.ts';

/** The hardest pairs of each row. */
export interface HardExamples {
  /** Distance to the farthest row of the same label: (N). */
  distAp: Tensor;
  /** Distance to the nearest row of another label: (N). */
  distAn: Tensor;
  /** Which row that is, int64 (N). */
  pInds: Tensor;
  nInds: Tensor;
}

/**
 * For each row of a distance matrix (N, N) the farthest of its label, itself included, and the nearest of another label.
 * Labels may have different numbers of rows, which the published function cannot take.
 *
 * @throws RangeError where all rows have one label.
 */
export function hardExampleMining(distMat: Tensor, labels: Tensor): HardExamples {
  checkPositions('hardExampleMining', arguments, 2);
  checkFeatures('hardExampleMining', distMat, labels);
  if (distMat.shape[0] !== distMat.shape[1]) {
    throw new RangeError(`Expected a square matrix for hardExampleMining, got [${distMat.shape}]`);
  }
  const { isPos, isNeg } = pairs(labels);
  if (!isNeg.any().item()) {
    throw new RangeError(
      'Expected at least two labels for hardExampleMining, got one: no row has a negative',
    );
  }
  const far = distMat.maskedFill(isNeg, -Infinity).max(1);
  const near = distMat.maskedFill(isPos, Infinity).min(1);
  return { distAp: far.values, distAn: near.values, pInds: far.indices, nInds: near.indices };
}

/** `margin + ap - an` where that is positive, or `log(1 + exp(ap - an))` where there is no margin; the mean. */
function rankingLoss(distAp: Tensor, distAn: Tensor, margin: number | null): Tensor {
  const y = onesLike(distAn);
  if (margin !== null) return F.marginRankingLoss(distAn, distAp, y, { margin });
  return F.softMarginLoss(distAn.sub(distAp), y);
}

/**
 * reid-strong-baseline's triplet loss: Euclidean distances of features as they are, batch hard.
 *
 * @example
 * const triplet = new reid.TripletLoss(0.3);
 * const loss = triplet.forward(features, labels);
 */
export class TripletLoss extends Module {
  readonly margin: number | null;
  readonly normalizeFeature: boolean;

  /** @param margin Null (default): the soft margin. @param options `normalizeFeature`, default false. */
  constructor(margin: number | null = null, options: { normalizeFeature?: boolean } = {}) {
    checkPositions('TripletLoss', arguments, 2);
    super();
    checkOptions('TripletLoss', options, ['normalizeFeature']);
    this.margin = margin === null ? null : checkNumber('TripletLoss', 'margin', margin, 0);
    const { normalizeFeature = false } = options;
    this.normalizeFeature = checkChoice('TripletLoss', 'normalizeFeature', normalizeFeature, [true, false]);
  }

  forward(features: Tensor, labels: Tensor): Tensor {
    checkFeatures('TripletLoss', features, labels);
    const x = this.normalizeFeature ? features.div(features.norm(2, [1], true).add(1e-12)) : features;
    const { distAp, distAn } = hardExampleMining(euclideanDist(x, x), labels);
    return rankingLoss(distAp, distAn, this.margin);
  }
}

/** Options of {@link tripletLoss}. */
export interface TripletLossOptions {
  /** 0: the soft margin. Default 0.3. */
  margin?: number;
  /** 2 - 2 cos in place of the Euclidean distance. Default false. */
  normFeat?: boolean;
  /** The hardest pair of each row (default false), or the mean of all weighted by a softmax. */
  hardMining?: boolean;
}

/**
 * fast-reid's triplet loss. A soft margin that is infinite becomes a margin of 0.3, as in the published code.
 *
 * @example
 * const loss = reid.tripletLoss(features, labels, { margin: 0, hardMining: true });
 */
export function tripletLoss(features: Tensor, labels: Tensor, options: TripletLossOptions = {}): Tensor {
  checkPositions('tripletLoss', arguments, 3);
  checkOptions('tripletLoss', options, ['margin', 'normFeat', 'hardMining']);
  checkFeatures('tripletLoss', features, labels);
  const { normFeat = false, hardMining = false } = options;
  const margin = checkNumber('tripletLoss', 'margin', options.margin ?? 0.3, 0);
  checkChoice('tripletLoss', 'normFeat', normFeat, [true, false]);
  checkChoice('tripletLoss', 'hardMining', hardMining, [true, false]);
  const dist = normFeat ? cosineDist(features, features) : euclideanDist(features, features);
  const { isPos, isNeg } = pairs(labels);
  const [positive, negative] = [isPos.to(dist.dtype), isNeg.to(dist.dtype)];
  const [ap, an] = hardMining ? hardest(dist, positive, negative) : weighted(dist, positive, negative);
  if (margin > 0) return rankingLoss(ap, an, margin);
  const loss = rankingLoss(ap, an, null);
  return loss.item() === Infinity ? rankingLoss(ap, an, 0.3) : loss;
}

function hardest(dist: Tensor, isPos: Tensor, isNeg: Tensor): [ap: Tensor, an: Tensor] {
  return [dist.mul(isPos).max(1).values, dist.mul(isNeg).add(isPos.mul(1e9)).min(1).values];
}

function weighted(dist: Tensor, isPos: Tensor, isNeg: Tensor): [ap: Tensor, an: Tensor] {
  const [ap, an] = [dist.mul(isPos), dist.mul(isNeg)];
  const sum = (values: Tensor, weights: Tensor) => values.mul(weights).sum([1]);
  return [sum(ap, softmaxWeights(ap, isPos)), sum(an, softmaxWeights(an.neg(), isNeg))];
}

function softmaxWeights(dist: Tensor, mask: Tensor): Tensor {
  const largest = dist.mul(mask).max(1, true).values;
  const weights = dist.sub(largest).exp().mul(mask);
  return weights.div(weights.sum([1], true).add(1e-6));
}
