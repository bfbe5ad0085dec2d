import { checkOptions, checkPositions } from '../../../options.ts';
import type { Tensor } from '../../../tensor/index.ts';
import { flag } from '../../arguments.ts';
import { checkMargin } from '../../functional/losses/checks.ts';
import {
  type TripletMarginWithDistanceLossOptions,
  tripletMarginWithDistanceLoss,
} from '../../functional/losses/embeddings.ts';
import { Module } from '../../module/module.ts';
import { type Reduction, reductionCode } from '../../sizes.ts';
import { PairwiseDistance } from '../distance.ts';

/**
 * Triplet loss with a distance of your own, a function or a module of two inputs; default PairwiseDistance.
 *
 * @example new nn.TripletMarginWithDistanceLoss({ distanceFunction: (a, b) => a.sub(b).abs().amax([1]) });
 */
export class TripletMarginWithDistanceLoss extends Module {
  distance_function: Module | ((x1: Tensor, x2: Tensor) => Tensor);
  margin: number;
  readonly swap: boolean;
  readonly reduction: Reduction;

  constructor(
    options: Omit<TripletMarginWithDistanceLossOptions, 'distanceFunction'> & {
      distanceFunction?: Module | ((x1: Tensor, x2: Tensor) => Tensor) | null;
    } = {},
  ) {
    checkPositions('TripletMarginWithDistanceLoss', arguments, 1);
    super();
    checkOptions('TripletMarginWithDistanceLoss', options, [
      'distanceFunction',
      'margin',
      'swap',
      'reduction',
    ]);
    this.distance_function = options.distanceFunction ?? new PairwiseDistance();
    const { margin = 1, swap = false, reduction = 'mean' } = options;
    this.margin = checkMargin('TripletMarginWithDistanceLoss', margin);
    this.swap = flag().read('TripletMarginWithDistanceLoss', 'swap', swap);
    this.reduction = reduction;
    reductionCode('TripletMarginWithDistanceLoss', this.reduction);
  }

  forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    checkPositions('TripletMarginWithDistanceLoss', arguments, 3);
    const { distance_function: distance, margin, swap, reduction } = this;
    const distanceFunction =
      distance instanceof Module ? (a: Tensor, b: Tensor): Tensor => distance.forward(a, b) : distance;
    return tripletMarginWithDistanceLoss(anchor, positive, negative, {
      distanceFunction,
      margin,
      swap,
      reduction,
    });
  }
}
