import { ops, type Tensor } from '../../../tensor/index.ts';
import { callForeign } from '../../../tensor/own-code.ts';
import { argument, type Call, checkTensor, flag, named, optional, real } from '../../arguments.ts';
import { type Reduction, reduced, reductionCode } from '../../sizes.ts';
import { type LegacyReduction, type LossPositions, LossSignature, legacy, reductions } from './arguments.ts';
import { checkMargin } from './checks.ts';
import type { LossOptions } from './elements.ts';

/** Options of the losses with a margin. */
export interface MarginLossOptions extends LossOptions {
  margin?: number;
}

/** What the losses with a margin take in order. */
export type MarginLossPositions = [margin?: number, ...LossPositions];

function marginSignature(margin: number): LossSignature<MarginLossOptions> {
  return new LossSignature({
    margin: real(margin),
    sizeAverage: legacy(),
    reduce: legacy(),
    reduction: reductions(),
  });
}

/** The arguments of losses whose margin is 0 by default, of function and layer. */
export const MARGIN_LOSS = marginSignature(0);

/** The arguments of the hinge loss, of function and layer. */
export const HINGE_LOSS = marginSignature(1);

/** max(0, -target * (x1 - x2) + margin); target 1 wants `x1` larger, -1 `x2`. `margin` is 0 by default. */
export function marginRankingLoss(
  x1: Tensor,
  x2: Tensor,
  target: Tensor,
  ...given: Call<MarginLossPositions, MarginLossOptions>
): Tensor {
  const { margin, reduction } = MARGIN_LOSS.read('marginRankingLoss', given);
  const code = reductionCode('marginRankingLoss', reduction);
  for (const [name, x] of Object.entries({ x1, x2, target })) checkTensor('marginRankingLoss', name, x);
  if (x1.dim() !== x2.dim() || x1.dim() !== target.dim()) {
    throw new RangeError(
      `Expected as many dimensions for marginRankingLoss arguments "x1", "x2" and "target", got shapes ` +
        `[${x1.shape}], [${x2.shape}] and [${target.shape}]`,
    );
  }
  return ops.aten.margin_ranking_loss(x1, x2, target, margin, code);
}

/** x for targets 1, max(0, margin - x) for targets -1. `margin` is 1 by default. */
export function hingeEmbeddingLoss(
  x: Tensor,
  target: Tensor,
  ...given: Call<MarginLossPositions, MarginLossOptions>
): Tensor {
  const { margin, reduction } = HINGE_LOSS.read('hingeEmbeddingLoss', given);
  const code = reductionCode('hingeEmbeddingLoss', reduction);
  return ops.aten.hinge_embedding_loss(x, target, margin, code);
}

/** 1 - cos(x1, x2) for targets 1, max(0, cos(x1, x2) - margin) for targets -1. `margin` is 0 by default. */
export function cosineEmbeddingLoss(
  x1: Tensor,
  x2: Tensor,
  target: Tensor,
  ...given: Call<MarginLossPositions, MarginLossOptions>
): Tensor {
  const { margin, reduction } = MARGIN_LOSS.read('cosineEmbeddingLoss', given);
  const code = reductionCode('cosineEmbeddingLoss', reduction);
  return ops.aten.cosine_embedding_loss(x1, x2, target, margin, code);
}

/** Options of the triplet losses. */
interface TripletOptions {
  /** `'none'` keeps a loss for each triplet. Default `'mean'`. */
  reduction?: Reduction;
  /** Above 0. Default 1. */
  margin?: number;
  /** Take the distance from positive to negative where it is the smaller. Default false. */
  swap?: boolean;
}

/** Options of `tripletMarginLoss`. */
export interface TripletMarginLossOptions extends TripletOptions, LegacyReduction {
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

/** What `tripletMarginLoss` takes in order. */
export type TripletMarginLossPositions = [margin?: number, p?: number, eps?: number];

/** The arguments of the triplet loss, of function and layer: a switch is fourth. */
export const TRIPLET_MARGIN_LOSS = new LossSignature<TripletMarginLossOptions>(
  {
    margin: real(1),
    p: real(2),
    eps: real(1e-6),
    swap: flag(),
    sizeAverage: legacy(),
    reduce: legacy(),
    reduction: reductions(),
  },
  ['margin', 'p', 'eps'],
);

/** The arguments of the triplet loss with a distance: by name, as in torch. */
const TRIPLET_WITH_DISTANCE = new LossSignature<TripletMarginWithDistanceLossOptions>(
  {
    distanceFunction: named(
      optional(
        argument<(x1: Tensor, x2: Tensor) => Tensor>(
          undefined,
          'a function or null',
          (value) => typeof value === 'function',
          () => true,
          String,
        ),
      ),
    ),
    margin: real(1),
    swap: flag(),
    reduction: reductions(),
  },
  [],
);

/**
 * max(0, margin + d(anchor, positive) - d(anchor, negative)), each (N, D) or (D).
 *
 * @example nn.functional.tripletMarginLoss(anchor, positive, negative, { margin: 0.3 });
 */
export function tripletMarginLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  ...given: Call<TripletMarginLossPositions, TripletMarginLossOptions>
): Tensor {
  const { margin, p, eps, swap, reduction } = TRIPLET_MARGIN_LOSS.read('tripletMarginLoss', given);
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
  const { margin, swap, reduction, distanceFunction } = TRIPLET_WITH_DISTANCE.read(name, [options]);
  checkMargin(name, margin);
  checkTriplet(name, [anchor, positive, negative]);
  const measure = distanceFunction ?? ops.aten.pairwise_distance;
  const distance = (a: Tensor, b: Tensor): Tensor => callForeign((x1, x2) => measure(x1, x2), a, b);
  const near = distance(anchor, positive);
  const far = distance(anchor, negative);
  const other = swap ? ops.aten.minimum(far, distance(positive, negative)) : far;
  return reduced(near.sub(other).add(margin).clampMin(0), reduction);
}

function checkTriplet(name: string, triplet: readonly Tensor[]): void {
  for (const [i, role] of ['anchor', 'positive', 'negative'].entries()) checkTensor(name, role, triplet[i]);
  if (new Set(triplet.map((x) => x.dim())).size === 1) return;
  const shapes = triplet.map((x) => `[${x.shape}]`).join(', ');
  throw new RangeError(
    `Expected as many dimensions for anchor, positive and negative of ${name}, got shapes ${shapes}`,
  );
}
