import { checkOptions } from '../../../options.ts';
import { ops, type Tensor } from '../../../tensor/index.ts';
import { callForeign } from '../../../tensor/own-code.ts';
import { reduced, reductionCode } from '../../sizes.ts';
import { checkMargin } from './checks.ts';
import type { LossOptions } from './elements.ts';

/** Options of the losses with a margin. */
export interface MarginLossOptions extends LossOptions {
  margin?: number;
}

function codeOf(name: string, options: MarginLossOptions): number {
  checkOptions(name, options, ['reduction', 'margin']);
  return reductionCode(name, options.reduction ?? 'mean');
}

/** max(0, -target * (x1 - x2) + margin); target 1 wants `x1` larger, -1 `x2`. `margin` is 0 by default. */
export function marginRankingLoss(
  x1: Tensor,
  x2: Tensor,
  target: Tensor,
  options: MarginLossOptions = {},
): Tensor {
  const code = codeOf('marginRankingLoss', options);
  if (x1.dim() !== x2.dim() || x1.dim() !== target.dim()) {
    throw new RangeError(
      `Expected as many dimensions for marginRankingLoss arguments "x1", "x2" and "target", got shapes ` +
        `[${x1.shape}], [${x2.shape}] and [${target.shape}]`,
    );
  }
  return ops.aten.margin_ranking_loss(x1, x2, target, options.margin ?? 0, code);
}

/** x for targets 1, max(0, margin - x) for targets -1. `margin` is 1 by default. */
export function hingeEmbeddingLoss(x: Tensor, target: Tensor, options: MarginLossOptions = {}): Tensor {
  const code = codeOf('hingeEmbeddingLoss', options);
  return ops.aten.hinge_embedding_loss(x, target, options.margin ?? 1, code);
}

/** 1 - cos(x1, x2) for targets 1, max(0, cos(x1, x2) - margin) for targets -1. `margin` is 0 by default. */
export function cosineEmbeddingLoss(
  x1: Tensor,
  x2: Tensor,
  target: Tensor,
  options: MarginLossOptions = {},
): Tensor {
  const code = codeOf('cosineEmbeddingLoss', options);
  return ops.aten.cosine_embedding_loss(x1, x2, target, options.margin ?? 0, code);
}

/** Options of the triplet losses. */
interface TripletOptions extends LossOptions {
  /** Above 0. Default 1. */
  margin?: number;
  /** Take the distance from positive to negative where it is the smaller. Default false. */
  swap?: boolean;
}

/** Options of `tripletMarginLoss`. */
export interface TripletMarginLossOptions extends TripletOptions {
  /** Which norm. Default 2. */
  p?: number;
  /** Default 1e-6. */
  eps?: number;
}

/** Options of `tripletMarginWithDistanceLoss`. */
export interface TripletMarginWithDistanceLossOptions extends TripletOptions {
  /** Default: the 2-norm of the difference. */
  distanceFunction?: ((x1: Tensor, x2: Tensor) => Tensor) | null;
}

/**
 * max(0, margin + d(anchor, positive) - d(anchor, negative)), each (N, D) or (D).
 *
 * @example nn.functional.tripletMarginLoss(anchor, positive, negative, { margin: 0.3 });
 */
export function tripletMarginLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  options: TripletMarginLossOptions = {},
): Tensor {
  checkOptions('tripletMarginLoss', options, ['reduction', 'margin', 'p', 'eps', 'swap']);
  const { margin = 1, p = 2, eps = 1e-6, swap = false, reduction = 'mean' } = options;
  const code = reductionCode('tripletMarginLoss', reduction);
  checkMargin('tripletMarginLoss', margin);
  return ops.aten.triplet_margin_loss(anchor, positive, negative, margin, p, eps, swap, code);
}

/** The same with a distance of your own. */
export function tripletMarginWithDistanceLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  options: TripletMarginWithDistanceLossOptions = {},
): Tensor {
  const name = 'tripletMarginWithDistanceLoss';
  checkOptions(name, options, ['reduction', 'margin', 'swap', 'distanceFunction']);
  const { margin = 1, swap = false, reduction = 'mean' } = options;
  reductionCode(name, reduction);
  checkMargin(name, margin);
  checkTriplet(name, [anchor, positive, negative]);
  const measure = options.distanceFunction ?? ops.aten.pairwise_distance;
  const distance = (a: Tensor, b: Tensor): Tensor => callForeign((x1, x2) => measure(x1, x2), a, b);
  const near = distance(anchor, positive);
  const far = distance(anchor, negative);
  const other = swap ? ops.aten.minimum(far, distance(positive, negative)) : far;
  return reduced(near.sub(other).add(margin).clampMin(0), reduction);
}

function checkTriplet(name: string, triplet: readonly Tensor[]): void {
  if (new Set(triplet.map((x) => x.dim())).size === 1) return;
  const shapes = triplet.map((x) => `[${x.shape}]`).join(', ');
  throw new RangeError(
    `Expected as many dimensions for anchor, positive and negative of ${name}, got shapes ${shapes}`,
  );
}
