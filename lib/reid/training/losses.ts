import type { Module } from '../../nn/index.ts';
import { noGrad, type Tensor } from '../../tensor/index.ts';
import { accuracy, type LossResult } from '../../train/index.ts';
import {
  type CenterLoss,
  CrossEntropyLabelSmooth,
  crossEntropyLoss,
  pairwiseCircleLoss,
  TripletLoss,
  tripletLoss,
} from '../losses/index.ts';
import type { HeadOutputs } from '../models/heads/embedding-head.ts';
import { layoutOf } from './network.ts';
import type { ReidTrainConfig } from './presets.ts';

/** What a network gives in training, whichever it is. */
interface Outputs {
  /** For the identity loss, and for accuracy. */
  readonly scores: Tensor;
  readonly plainScores: Tensor;
  /** Undefined for a network that gives none. */
  readonly features: Tensor | undefined;
}

/** A batch of images (N, 3, H, W) and their labels (N). */
export type ReidBatch = [images: Tensor, labels: Tensor];

/**
 * The loss of a batch as the network's own code has it: reid-strong-baseline's (for OSNets too), or fast-reid's. Every part is
 * beside it, for the logs, and the share of images that the classifier knows, in percent.
 */
export function lossOf(config: ReidTrainConfig, numClasses: number, centers: CenterLoss | undefined) {
  const parts = partsOf(config, numClasses, centers);
  return ([images, labels]: ReidBatch, model: Module): LossResult => {
    const { device } = config;
    const wanted = labels.to(device);
    const { scores, plainScores, features } = outputsOf(model, images.to(device), wanted);
    const found = parts.map(({ name, weight, loss }) => ({
      name,
      weight,
      value: loss(scores, features as Tensor, wanted),
    }));
    const weighted = found.map(({ weight, value }) => (weight === 1 ? value : value.mul(weight)));
    const [top1] = noGrad(() => accuracy(plainScores.detach(), wanted)) as [number];
    return {
      ...Object.fromEntries(found.length === 1 ? [] : found.map(({ name, value }) => [name, value])),
      loss: weighted.reduce((sum, value) => sum.add(value)),
      top1,
    };
  };
}

interface Part {
  readonly name: string;
  readonly weight: number;
  loss(scores: Tensor, features: Tensor, labels: Tensor): Tensor;
}

/** In the published order of addition. */
function partsOf(config: ReidTrainConfig, numClasses: number, centers: CenterLoss | undefined): Part[] {
  const { tripletWeight, centerWeight, circleWeight, circleMargin: margin, circleGamma: gamma } = config;
  const [id, triplet] =
    layoutOf(config.model) === 'fast-reid'
      ? fastReidLosses(config)
      : strongBaselineLosses(config, numClasses);
  const all: Part[] = [
    { name: 'id', weight: 1, loss: (scores, _, labels) => id(scores, labels) },
    { name: 'triplet', weight: tripletWeight, loss: (_, features, labels) => triplet(features, labels) },
    {
      name: 'circle',
      weight: circleWeight,
      loss: (_, features, labels) => pairwiseCircleLoss(features, labels, { margin, gamma }),
    },
    {
      name: 'center',
      weight: centers === undefined ? 0 : centerWeight,
      loss: (_, features, labels) => (centers as CenterLoss).forward(features, labels),
    },
  ];
  return all.filter(({ weight }) => weight > 0);
}

type Pair = [id: Loss, triplet: Loss];
type Loss = (values: Tensor, labels: Tensor) => Tensor;

function strongBaselineLosses({ labelSmoothing, tripletMargin }: ReidTrainConfig, numClasses: number): Pair {
  const id = new CrossEntropyLabelSmooth(numClasses, labelSmoothing);
  const triplet = new TripletLoss(tripletMargin === 0 ? null : tripletMargin);
  return [
    (scores, labels) => id.forward(scores, labels),
    (features, labels) => triplet.forward(features, labels),
  ];
}

function fastReidLosses({ labelSmoothing: eps, tripletMargin: margin, hardMining }: ReidTrainConfig): Pair {
  return [
    (scores, labels) => crossEntropyLoss(scores, labels, { eps }),
    (features, labels) => tripletLoss(features, labels, { margin, hardMining }),
  ];
}

function outputsOf(model: Module, images: Tensor, labels: Tensor): Outputs {
  const found = model.forward(images, labels) as Tensor | [Tensor, Tensor] | HeadOutputs;
  if ('clsOutputs' in found)
    return { scores: found.clsOutputs, plainScores: found.predClassLogits, features: found.features };
  const [scores, features] = Array.isArray(found) ? found : [found, undefined];
  return { scores, plainScores: scores, features };
}
