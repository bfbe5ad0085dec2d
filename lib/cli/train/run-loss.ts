import { transforms } from '../../data/index.ts';
import * as nn from '../../nn/index.ts';
import { noGrad, rand, type Tensor } from '../../tensor/index.ts';
import { accuracy, type TrainConfig } from '../../train/index.ts';
import type { ImageNetwork } from '../network/network-runner.ts';
import type { ImageBatch } from './run-data.ts';

type LossOptions = Pick<
  TrainConfig,
  'loss' | 'bceTargetThreshold' | 'labelSmoothing' | 'mixup' | 'cutmix' | 'device' | 'channelsLast' | 'freeze'
>;

/** The loss of a batch and its top-1, mixed with its neighbours where that is asked for. */
export function runLoss(model: ImageNetwork, numClasses: number, options: LossOptions) {
  const { device, channelsLast } = options;
  const lossOf = options.loss === 'bce' ? binary(numClasses, options) : crossEntropy(options);
  const mix = mixing(numClasses, options);
  const frozen = frozenModules(model, options.freeze ?? []);
  return ([images, labels]: ImageBatch, called: nn.Module = model): { loss: Tensor; top1: number } => {
    for (const module of frozen) module.training = false; // norms keep their statistics
    const [mixed, targets] = mix([images, labels]);
    const inputs = channelsLast ? mixed.to({ device, memoryFormat: 'channels_last' }) : mixed.to(device);
    const scores = called.forward(inputs) as Tensor;
    const wanted = targets.to(device);
    const loss = lossOf(scores, wanted);
    const [top1] = noGrad(() => accuracy(scores.detach(), leading(wanted))) as [number];
    return { loss, top1 };
  };
}

type LossOf = (scores: Tensor, wanted: Tensor) => Tensor;

const crossEntropy =
  ({ labelSmoothing }: LossOptions): LossOf =>
  (scores, wanted) =>
    nn.functional.crossEntropy(scores, wanted, { labelSmoothing });

/** As timm's `BinaryCrossEntropy`: a mean over images and classes. */
function binary(numClasses: number, { labelSmoothing, bceTargetThreshold }: LossOptions): LossOf {
  return (scores, wanted) => {
    const shares = wanted.dim() === 1 ? nn.functional.oneHot(wanted, { numClasses }) : wanted;
    const soft = shares
      .to(scores.dtype)
      .mul(1 - labelSmoothing)
      .add(labelSmoothing / numClasses);
    const target = bceTargetThreshold === undefined ? soft : soft.gt(bceTargetThreshold).to(scores.dtype);
    return nn.functional.binaryCrossEntropyWithLogits(scores, target);
  };
}

/** The class with the greatest share of each image. */
const leading = (targets: Tensor) => (targets.dim() === 1 ? targets : targets.argmax(1));

/** One of the mixes, each as likely. */
function mixing(numClasses: number, { mixup, cutmix }: LossOptions): (batch: ImageBatch) => ImageBatch {
  const mixes = [
    ...(mixup > 0 ? [new transforms.MixUp({ alpha: mixup, numClasses })] : []),
    ...(cutmix > 0 ? [new transforms.CutMix({ alpha: cutmix, numClasses })] : []),
  ];
  const [only, other] = mixes;
  if (only === undefined) return (batch) => batch;
  if (other === undefined) return (batch) => only.forward(batch);
  return (batch) => (Number(rand([1]).item()) < 0.5 ? only : other).forward(batch);
}

/** Freezes what begins with one of the prefixes: its parameters, and the statistics of its norms. */
export function freeze(model: ImageNetwork, prefixes: readonly string[]): void {
  for (const prefix of prefixes) {
    const found = [...model.namedParameters()].filter(([name]) => isUnder(name, prefix));
    if (found.length === 0) {
      const known = [...model.namedChildren()].map(([name]) => name).join(', ');
      throw new RangeError(
        `Expected the beginning of parameters' names for --freeze, got "${prefix}"; known: ${known}`,
      );
    }
    for (const [, parameter] of found) parameter.requiresGrad = false;
  }
}

function frozenModules(model: ImageNetwork, prefixes: readonly string[]): nn.Module[] {
  const named = [...model.namedModules()].filter(([name]) =>
    prefixes.some((prefix) => isUnder(name, prefix)),
  );
  return named.map(([, module]) => module);
}

const isUnder = (name: string, prefix: string) => name === prefix || name.startsWith(`${prefix}.`);
