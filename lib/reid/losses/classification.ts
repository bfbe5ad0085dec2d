import { functional as F, Module } from '../../nn/index.ts';
import { checkOptions, checkPositions } from '../../options.ts';
import { fullLike, noGrad, ops, type Tensor } from '../../tensor/index.ts';
import { checkCount, checkNumber } from '../models/checks.ts';
import { checkFeatures } from './distances.ts';

/**
 * reid-strong-baseline's cross entropy with smoothed labels: `(1 - epsilon)` for the true class and `epsilon / K` for
 * every class, the mean over the batch.
 *
 * @example
 * const loss = new reid.CrossEntropyLabelSmooth(10).forward(logits, labels);
 */
export class CrossEntropyLabelSmooth extends Module {
  readonly numClasses: number;
  readonly epsilon: number;

  /** @param epsilon Default 0.1. */
  constructor(numClasses: number, epsilon = 0.1) {
    checkPositions('CrossEntropyLabelSmooth', arguments, 2);
    super();
    this.numClasses = checkCount('CrossEntropyLabelSmooth', 'numClasses', numClasses);
    this.epsilon = checkNumber('CrossEntropyLabelSmooth', 'epsilon', epsilon, 0);
  }

  forward(scores: Tensor, labels: Tensor): Tensor {
    checkFeatures('CrossEntropyLabelSmooth', scores, labels);
    const { numClasses, epsilon } = this;
    const logProbabilities = F.logSoftmax(scores, { dim: 1 });
    const targets = noGrad(() => {
      const hot = fullLike(logProbabilities, 0).scatter_(1, labels.unsqueeze(1), 1);
      return hot.mul(1 - epsilon).add(epsilon / numClasses);
    });
    return targets.neg().mul(logProbabilities).mean([0]).sum();
  }
}

/** Options of {@link crossEntropyLoss}. */
export interface CrossEntropyOptions {
  /** Smoothing, shared by the other classes; below 0: `alpha` times each row's own probability. Default 0. */
  eps?: number;
  /** Default 0.2. */
  alpha?: number;
}

/**
 * fast-reid's cross entropy: `1 - eps` for the true class, `eps / (K - 1)` for the others, the mean over the rows whose
 * loss is not 0.
 */
export function crossEntropyLoss(scores: Tensor, labels: Tensor, options: CrossEntropyOptions = {}): Tensor {
  checkPositions('crossEntropyLoss', arguments, 3);
  checkOptions('crossEntropyLoss', options, ['eps', 'alpha']);
  checkFeatures('crossEntropyLoss', scores, labels);
  const eps = checkNumber('crossEntropyLoss', 'eps', options.eps ?? 0);
  const alpha = checkNumber('crossEntropyLoss', 'alpha', options.alpha ?? 0.2);
  const index = labels.unsqueeze(1);
  const logProbabilities = F.logSoftmax(scores, { dim: 1 });
  const targets = noGrad(() => {
    const smooth = eps >= 0 ? fullLike(index, eps, { dtype: scores.dtype }) : ownShare(scores, index, alpha);
    const others = smooth.div((scores.shape[1] as number) - 1);
    return ops.aten.scatter(others.expand(scores.shape).contiguous(), 1, index, smooth.neg().add(1));
  });
  const loss = targets.neg().mul(logProbabilities).sum([1]);
  const count = noGrad(() => loss.ne(0).sum().item() as number);
  return loss.sum().div(Math.max(count, 1));
}

const ownShare = (scores: Tensor, index: Tensor, alpha: number): Tensor =>
  F.softmax(scores, { dim: 1 }).gather(1, index).mul(alpha);

/** Options of {@link focalLoss}. */
export interface FocalOptions {
  /** Weight of all classes. Default 0.25. */
  alpha?: number;
  /** Default 2. */
  gamma?: number;
}

/** fast-reid's focal loss, the mean: well-classified rows count less. */
export function focalLoss(scores: Tensor, labels: Tensor, options: FocalOptions = {}): Tensor {
  checkPositions('focalLoss', arguments, 3);
  checkOptions('focalLoss', options, ['alpha', 'gamma']);
  checkFeatures('focalLoss', scores, labels);
  const alpha = checkNumber('focalLoss', 'alpha', options.alpha ?? 0.25);
  const gamma = checkNumber('focalLoss', 'gamma', options.gamma ?? 2);
  const p = F.softmax(scores, { dim: 1 }).gather(1, labels.unsqueeze(1));
  return p.neg().add(1).pow(gamma).mul(p.log()).mul(-alpha).mean();
}
