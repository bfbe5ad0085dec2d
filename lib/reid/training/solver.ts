import type { Module } from '../../nn/index.ts';
import { Adam, AdamW, type AnyOptimizer, SGD } from '../../optim/index.ts';
import type { AnyScheduler } from '../../train/index.ts';
import { type CenterLoss, centerGradientsFor } from '../losses/index.ts';
import { FastReIDLR, strongBaselineGroups, WarmupMultiStepLR } from '../solver/index.ts';
import type { ReidTrainConfig } from './presets.ts';

/** The optimizer, with a group for each tensor as in both published codes. */
export function optimizerOf(model: Module, config: ReidTrainConfig): AnyOptimizer {
  const { optimizer, lr, momentum, biasLrFactor, weightDecay, weightDecayBias } = config;
  const groups = strongBaselineGroups(model, { lr, biasLrFactor, weightDecay, weightDecayBias });
  if (optimizer === 'sgd') return new SGD(groups, { lr, momentum });
  return optimizer === 'adam' ? new Adam(groups, { lr }) : new AdamW(groups, { lr });
}

/** By name where there are centers, which have an SGD of their own. */
export function optimizersOf(model: Module, centers: CenterLoss | undefined, config: ReidTrainConfig) {
  const optimizer = optimizerOf(model, config);
  if (centers === undefined) return { optimizer, scheduled: optimizer };
  const center = new SGD(centers.parameters(), { lr: config.centerLr });
  return { optimizer: { model: optimizer, center }, scheduled: optimizer };
}

/** Undoes the loss's weight in the centers' gradients. */
export function beforeStepOf(centers: CenterLoss | undefined, { centerWeight }: ReidTrainConfig) {
  return centers === undefined ? () => {} : () => centerGradientsFor(centers, centerWeight);
}

/** The schedule, and after what it steps. */
export function scheduleOf(
  optimizer: AnyOptimizer,
  config: ReidTrainConfig,
  itersPerEpoch: number,
): { scheduler: AnyScheduler; schedulerStep: 'epoch' | 'step' } {
  const { scheduler: name, steps, gamma, warmupIters, warmupFactor, delayEpochs, minLr, accumulate } = config;
  if (name === 'WarmupMultiStepLR') {
    const scheduler = new WarmupMultiStepLR(optimizer, steps, { gamma, warmupIters, warmupFactor });
    // The published training steps at the start of each epoch: the first has the rate of epoch 1.
    optimizer.stepped = true;
    scheduler.step();
    return { scheduler, schedulerStep: 'epoch' };
  }
  const scheduler = new FastReIDLR(optimizer, {
    itersPerEpoch: Math.ceil(itersPerEpoch / accumulate),
    maxEpochs: config.epochs,
    sched: name === 'MultiStepLR' ? 'multiStep' : 'cosine',
    ...{ steps, gamma, delayEpochs, etaMinLr: minLr, warmupIters, warmupFactor },
  });
  return { scheduler, schedulerStep: 'step' };
}
