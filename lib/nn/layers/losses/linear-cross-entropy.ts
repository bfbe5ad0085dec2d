import { checkOptions, checkPositions } from '../../../options.ts';
import type { Tensor } from '../../../tensor/index.ts';
import { flag, refuse } from '../../arguments.ts';
import { LossSignature } from '../../functional/losses/arguments.ts';
import {
  LINEAR_CROSS_ENTROPY,
  type LinearCrossEntropyLossOptions,
  linearCrossEntropy,
} from '../../functional/losses/linear-cross-entropy.ts';
import { Module } from '../../module/module.ts';
import { pythonFloat, pythonRepr } from '../../module/repr.ts';
import { checkCount, type Reduction } from '../../sizes.ts';
import { Linear } from '../linear.ts';
import { type PlaceOptions, tensorOptions } from '../place.ts';

/** Options of the class LinearCrossEntropyLoss. */
export interface LinearCrossEntropyLayerOptions extends LinearCrossEntropyLossOptions, PlaceOptions {
  /** Logits are (N, numClasses, ...outFeatures). Default []. */
  outFeatures?: readonly number[];
  /** Default false. */
  bias?: boolean;
}

const SIGNATURE = new LossSignature<LinearCrossEntropyLossOptions>(LINEAR_CROSS_ENTROPY, []);

/**
 * A linear layer and the cross-entropy of its logits in one: `linear.weight` is (numClasses * outFeatures, inFeatures).
 *
 * @example new nn.LinearCrossEntropyLoss(2048, 1000).forward(features, labels).backward();
 */
export class LinearCrossEntropyLoss extends Module {
  linear: Linear;
  declare weight: Tensor | null;
  readonly numClasses: number;
  readonly outFeatures: readonly number[];
  reduction: Reduction;
  ignoreIndex: number | null;
  labelSmoothing: number;

  constructor(inFeatures: number, numClasses: number, options: LinearCrossEntropyLayerOptions = {}) {
    const owner = 'LinearCrossEntropyLoss';
    checkPositions(owner, arguments, 3);
    super();
    checkOptions(owner, options, [...SIGNATURE.names, 'outFeatures', 'bias', 'device', 'dtype']);
    const { outFeatures = [], bias = false, device, dtype, ...others } = options;
    checkCount(owner, 'numClasses', numClasses, 1);
    flag().read(owner, 'bias', bias);
    if (!Array.isArray(outFeatures))
      refuse(owner, 'outFeatures', 'an array of whole numbers', outFeatures, false);
    for (const size of outFeatures) checkCount(owner, 'outFeatures', size, 1);
    const { weight, reduction, ignoreIndex, labelSmoothing } = SIGNATURE.read(owner, [others]);
    if (weight !== null && `${weight.shape}` !== `${[numClasses]}`) {
      throw new RangeError(`Expected shape [${numClasses}] for ${owner} weight, got [${weight.shape}]`);
    }
    this.registerBuffer('weight', weight);
    this.numClasses = numClasses;
    this.outFeatures = [...outFeatures];
    this.reduction = reduction;
    this.ignoreIndex = ignoreIndex;
    this.labelSmoothing = labelSmoothing;
    const rows = outFeatures.reduce((product, size) => product * size, numClasses);
    this.linear = new Linear(inFeatures, rows, { bias, ...tensorOptions({ device, dtype }) });
  }

  /**
   * @param x (N, inFeatures) or (inFeatures).
   * @param target Classes, int64 (N, ...outFeatures), or probabilities (N, numClasses, ...outFeatures).
   */
  forward(x: Tensor, target: Tensor): Tensor {
    checkPositions('LinearCrossEntropyLoss', arguments, 2);
    const { linear, weight, reduction, ignoreIndex, labelSmoothing } = this;
    const rows = [this.numClasses, ...this.outFeatures];
    return linearCrossEntropy(x, linear.weight.reshape([...rows, linear.inFeatures]), target, {
      linearBias: linear.bias === null ? null : linear.bias.reshape(rows),
      weight,
      reduction,
      ignoreIndex,
      labelSmoothing,
    });
  }

  override extraRepr(): string {
    const { linear, numClasses, outFeatures, reduction, ignoreIndex, labelSmoothing } = this;
    return (
      `in_features=${linear.inFeatures}, num_classes=${numClasses}, out_features=${pythonRepr(outFeatures)}, ` +
      `bias=${pythonRepr(linear.bias !== null)}, reduction=${reduction}, ignore_index=${pythonRepr(ignoreIndex)}, ` +
      `label_smoothing=${pythonFloat(labelSmoothing)}, options=None`
    );
  }
}
