import { type Handle, native } from '../../distributed/native.ts';
import { ProcessGroup } from '../../distributed/process-group.ts';
import { isInitialized, theWorld } from '../../distributed/world.ts';
import { unwrap, wrapTensor } from '../../ops/index.ts';
import { checkPositions, describeValue } from '../../options.ts';
import { ops, type Tensor } from '../../tensor/index.ts';
import { checkTensor } from '../arguments.ts';
import { checkBatchSize, checkEps } from '../functional/batch-checks.ts';
import type { Module } from '../module/module.ts';
import { BatchNorm1d, BatchNorm2d, BatchNorm3d } from './norm.ts';
import { countBatch, NormBase, type NormLayerOptions, normSignature } from './norm-base.ts';

/** Options of {@link SyncBatchNorm}. */
export interface SyncBatchNormOptions extends NormLayerOptions {
  /** Whose batches are put together. Default the group of all processes when a forward runs. */
  processGroup?: ProcessGroup | null;
}

const SIGNATURE = normSignature(true);

/**
 * Batch normalisation by the statistics of all ranks' batches, as torch.nn.SyncBatchNorm: (N, C, ...) of at least two
 * dimensions. Keys as of `BatchNorm2d`. Without process groups, with one rank, and in evaluation it is that. It computes on
 * the CPU too, where torch refuses; forward and backward then wait for the other ranks.
 *
 * @example
 * const synced = nn.SyncBatchNorm.convertSyncBatchnorm(models.resnet18_ibn_a());
 */
export class SyncBatchNorm extends NormBase {
  /** Null: that of all processes. */
  readonly processGroup: ProcessGroup | null;

  constructor(numFeatures: number, options: SyncBatchNormOptions = {}) {
    checkPositions(new.target.name, arguments, 2);
    const { processGroup = null, ...rest } = options ?? {};
    super(numFeatures, rest, SIGNATURE);
    if (processGroup !== null && !(processGroup instanceof ProcessGroup))
      throw new TypeError(
        `Expected a ProcessGroup for SyncBatchNorm processGroup, got ${describeValue(processGroup)}`,
      );
    this.processGroup = processGroup;
  }

  forward(x: Tensor): Tensor {
    checkPositions(this.constructor.name, arguments, 1);
    checkInput(x, this.numFeatures);
    const { training, running_mean: mean, running_var: variance } = this;
    const useBatch = training || (mean === null && variance === null);
    checkEps(this.constructor.name, this.eps, useBatch);
    const group = training && isInitialized() ? (this.processGroup ?? theWorld().group) : null;
    const isAlone = group === null || group.size() < 2;
    if (useBatch && isAlone) checkBatchSize(x.shape);
    const momentum = training && this.trackRunningStats ? countBatch(this) : (this.momentum ?? 0);
    const keepStats = !training || this.trackRunningStats;
    const running = keepStats ? ([mean, variance] as const) : ([null, null] as const);
    if (isAlone)
      return ops.aten.batch_norm(x, this.weight, this.bias, ...running, useBatch, momentum, this.eps, true);
    group.checkFree('SyncBatchNorm');
    const handles = [this.weight, this.bias, ...running].map(handleOrNull) as [H, H, H, H];
    return wrapTensor(
      native.syncBatchNorm(group.handle, unwrap(x), ...handles, this.eps, momentum),
    ) as Tensor;
  }

  /**
   * Puts a SyncBatchNorm in the place of each batch normalisation of a module, with its parameters and buffers.
   *
   * @param processGroup whose batches are put together; default all processes
   * @returns the module; where it is a batch normalisation itself, what takes its place
   */
  static convertSyncBatchnorm(module: Module, processGroup: ProcessGroup | null = null): Module {
    const converted = isBatchNorm(module) ? syncedCopy(module, processGroup) : module;
    for (const [name, child] of module.namedChildren())
      converted.setSubmodule(name, SyncBatchNorm.convertSyncBatchnorm(child, processGroup));
    return converted;
  }
}

type H = Handle | null;
const handleOrNull = (value: Tensor | null): H => (value === null ? null : unwrap(value));

type AnyBatchNorm = BatchNorm1d | BatchNorm2d | BatchNorm3d | SyncBatchNorm;

function isBatchNorm(module: Module): module is AnyBatchNorm {
  return [BatchNorm1d, BatchNorm2d, BatchNorm3d, SyncBatchNorm].some((type) => module instanceof type);
}

function syncedCopy(norm: AnyBatchNorm, processGroup: ProcessGroup | null): SyncBatchNorm {
  const { numFeatures, eps, momentum, affine, trackRunningStats } = norm;
  const bias = affine ? norm.bias !== null : true;
  const synced = new SyncBatchNorm(numFeatures, {
    eps,
    momentum,
    affine,
    bias,
    trackRunningStats,
    processGroup,
  });
  if (affine) {
    synced.weight = norm.weight;
    synced.bias = norm.bias;
  }
  for (const name of ['running_mean', 'running_var', 'num_batches_tracked'] as const)
    synced[name] = norm[name];
  synced.training = norm.training;
  return synced;
}

function checkInput(x: Tensor, channels: number): void {
  checkTensor('SyncBatchNorm', 'x', x);
  const { shape } = x;
  if (shape.length < 2)
    throw new RangeError(`Expected at least 2D input for SyncBatchNorm, got ${shape.length}D input`);
  if (shape[1] === channels && channels > 0) return;
  throw new RangeError(
    `Expected ${channels} channels in dimension 1 for SyncBatchNorm, got ${shape[1]} (input [${shape.join(', ')}])`,
  );
}
