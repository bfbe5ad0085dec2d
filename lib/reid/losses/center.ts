import { Module, Parameter } from '../../nn/index.ts';
import { checkPositions } from '../../options.ts';
import { arange, ops, randn, type Tensor } from '../../tensor/index.ts';
import { checkCount } from '../models/checks.ts';
import { checkFeatures } from './distances.ts';

/**
 * reid-strong-baseline's center loss: the squared distance of each feature to the learnt center of its class, the mean over
 * the batch. Key `centers`. As in the published code, every other class adds 1e-12.
 *
 * The published training weighs it by 0.0005 and steps `centers` by an SGD of its own, with their gradients divided by that
 * weight first ({@link centerGradientsFor}).
 */
export class CenterLoss extends Module {
  readonly numClasses: number;
  readonly featDim: number;
  centers: Parameter;

  /** @param featDim Length of a feature. Default 2048. */
  constructor(numClasses: number, featDim = 2048) {
    checkPositions('CenterLoss', arguments, 2);
    super();
    this.numClasses = checkCount('CenterLoss', 'numClasses', numClasses);
    this.featDim = checkCount('CenterLoss', 'featDim', featDim);
    this.centers = new Parameter(randn([numClasses, featDim]));
  }

  forward(features: Tensor, labels: Tensor): Tensor {
    checkFeatures('CenterLoss', features, labels);
    const { centers, numClasses } = this;
    const squares = features
      .pow(2)
      .sum([1], true)
      .add(centers.pow(2).sum([1], true).t());
    const dist = ops.aten.addmm(squares, features, centers.t(), { beta: 1, alpha: -2 }); // (N, numClasses)
    const classes = arange(numClasses, { dtype: 'int64', device: labels.device });
    const own = labels.unsqueeze(1).eq(classes.unsqueeze(0)).to(dist.dtype);
    return dist
      .mul(own)
      .clamp(1e-12, 1e12)
      .sum()
      .div(features.shape[0] as number);
  }
}

/** Divides the gradients of a center loss by its weight in the whole loss, so that its own optimizer's rate counts alone. */
export function centerGradientsFor(loss: CenterLoss, weight: number): void {
  checkPositions('centerGradientsFor', arguments, 2);
  if (!(weight > 0)) throw new RangeError(`Expected a weight above 0 for centerGradientsFor, got ${weight}`);
  for (const { grad } of loss.parameters()) if (grad !== null) ops.aten.mul_(grad, 1 / weight);
}
