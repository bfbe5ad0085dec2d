import { BatchNorm1d, BatchNorm2d, type Module } from '../../nn/index.ts';
import { ops, type Tensor } from '../../tensor/index.ts';
import { FastReID, type LoadedReID, type ReIDModel, StrongBaseline } from '../models/index.ts';
import type { Suspect } from './suspect.ts';

/** Features from the other side of the neck. */
export function neckSuspect({ model }: LoadedReID<ReIDModel>): Suspect[] {
  const shared = { fault: 'neck' as const, showsInStatistics: false };
  const remedy = 'take features from the same side of the neck for queries and gallery';
  if (model instanceof StrongBaseline && model.bottleneck !== null) {
    const isAfter = model.neckFeat === 'after';
    return [
      {
        ...{ ...shared, what: `takes features from ${isAfter ? 'before' : 'after'} the neck` },
        features: (network, batch) => otherSide(network as StrongBaseline, batch),
        remedy: `${remedy}: { options: { neckFeat: '${isAfter ? 'before' : 'after'}' } }`,
      },
    ];
  }
  if (!(model instanceof FastReID) || model.heads.bottleneck.children().length !== 1) return [];
  return [{ ...shared, what: 'takes features from before the neck', features: pooled, remedy }];
}

function otherSide(model: StrongBaseline, batch: Tensor): Tensor {
  const { neckFeat } = model;
  model.neckFeat = neckFeat === 'after' ? 'before' : 'after';
  try {
    return model.forward(batch) as Tensor;
  } finally {
    model.neckFeat = neckFeat;
  }
}

function pooled(network: Module, batch: Tensor): Tensor {
  let seen: Tensor | undefined;
  const hook = (network as FastReID).heads.pool_layer.registerForwardHook((_, __, output: Tensor) => {
    seen = ops.aten.flatten(output, 1).clone();
  });
  try {
    network.forward(batch);
  } finally {
    hook.remove();
  }
  return seen as Tensor;
}

/** A program that forgot `eval()`: norms take the statistics of the batch, here of all images as one. */
export function trainingSuspect(): Suspect {
  return {
    fault: 'training-mode',
    what: 'runs the network in training mode, where features depend on the other images of the batch',
    features: (network, batch) => withBatchStatistics(network, () => network.forward(batch) as Tensor),
    remedy: 'call model.eval() before features are made',
    showsInStatistics: false,
    isOneBatch: true,
  };
}

function withBatchStatistics<T>(network: Module, run: () => T): T {
  const norms = network
    .modules()
    .filter((part) => part instanceof BatchNorm2d || part instanceof BatchNorm1d);
  const state = norms.map((norm) => ({
    norm,
    momentum: norm.momentum,
    count: norm.num_batches_tracked?.clone(),
  }));
  for (const norm of norms) {
    norm.momentum = 0;
    norm.train();
  }
  try {
    return run();
  } finally {
    for (const { norm, momentum, count } of state) {
      norm.momentum = momentum;
      norm.eval();
      if (count !== undefined) norm.num_batches_tracked?.copy_(count);
    }
  }
}
