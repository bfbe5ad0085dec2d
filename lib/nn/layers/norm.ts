import { checkPositions } from '../../options.ts';
import { ops, type Tensor } from '../../tensor/index.ts';
import { checkTensor } from '../arguments.ts';
import { checkBatchSize, checkEps, checkSpatialSize } from '../functional/batch-checks.ts';
import { fusedBatchNorm } from '../fused-norms.ts';
import type { LoadContext } from '../module/state-hooks.ts';
import { countBatch, NormBase, type NormLayerOptions, normSignature } from './norm-base.ts';

export type { NormLayerOptions } from './norm-base.ts';

const BATCH = normSignature(true);
const INSTANCE = normSignature(false);

/** `2D or 3D`. */
const dimensions = (taken: readonly number[]): string => taken.map((dim) => `${dim}D`).join(' or ');

/** What batch normalisations of any number of dimensions share. */
class BatchNorm extends NormBase {
  constructor(numFeatures: number, options: NormLayerOptions = {}) {
    checkPositions(new.target.name, arguments, 2);
    super(numFeatures, options, BATCH);
  }

  forward(x: Tensor): Tensor {
    checkPositions(this.constructor.name, arguments, 1);
    const { training, running_mean: mean, running_var: variance } = this;
    const useBatch = training || (mean === null && variance === null);
    if (useBatch) checkBatchSize(x.shape);
    checkEps(this.constructor.name, this.eps, useBatch);
    const momentum = training && this.trackRunningStats ? countBatch(this) : (this.momentum ?? 0);
    const keepStats = !training || this.trackRunningStats;
    return ops.aten.batch_norm(
      x,
      this.weight,
      this.bias,
      keepStats ? mean : null,
      keepStats ? variance : null,
      useBatch,
      momentum,
      this.eps,
      true,
    );
  }
}

/** Batch normalisation of inputs of these numbers of dimensions; `hint` ends the error for one fewer. */
function batchNormLayer(taken: readonly number[], hint = ''): typeof BatchNorm {
  return class extends BatchNorm {
    override forward(x: Tensor): Tensor {
      checkPositions(this.constructor.name, arguments, 1);
      checkTensor(this.constructor.name, 'x', x);
      const dim = x.dim();
      if (taken.includes(dim)) return super.forward(x);
      const advice = dim === (taken[0] as number) - 1 ? hint : '';
      const owner = this.constructor.name;
      throw new RangeError(`Expected ${dimensions(taken)} input for ${owner}, got ${dim}D input${advice}`);
    }
  };
}

/** Batch normalisation of (N, C) or (N, C, L). */
export class BatchNorm1d extends batchNormLayer([2, 3]) {}

/**
 * Batch normalisation of (N, C, H, W).
 *
 * @example
 * new nn.BatchNorm2d(64); // keys weight, bias, running_mean, running_var, num_batches_tracked
 */
export class BatchNorm2d extends batchNormLayer(
  [4],
  '; a network takes batches: give one image as x.unsqueeze(0), (1, C, H, W)',
) {
  override forward(x: Tensor): Tensor {
    checkPositions(this.constructor.name, arguments, 1);
    return (this.fused ? fusedBatchNorm(this, x) : undefined) ?? super.forward(x);
  }
}

/** Batch normalisation of (N, C, D, H, W). */
export class BatchNorm3d extends batchNormLayer([5]) {}

/** What instance normalisations of any number of dimensions share. */
abstract class InstanceNorm extends NormBase {
  constructor(numFeatures: number, options: NormLayerOptions = {}) {
    checkPositions(new.target.name, arguments, 2);
    super(numFeatures, options, INSTANCE);
  }

  /** Files from before 0.4 have running statistics here; torch refuses them (torch/nn/modules/instancenorm.py, 2.13). */
  override prepareLoad(context: LoadContext): void {
    super.prepareLoad(context);
    if (context.version !== undefined || this.trackRunningStats) return;
    const stale = ['running_mean', 'running_var'].map((name) => context.prefix + name);
    const found = stale.filter((key) => context.entries.has(key));
    if (found.length === 0) return;
    for (const key of found) context.entries.delete(key);
    context.droppedKeys.push(...found);
  }
}

/** The class of an instance normalisation. */
type InstanceNormClass = new (
  numFeatures: number,
  options?: NormLayerOptions,
) => InstanceNorm & { forward(x: Tensor): Tensor };

/** Instance normalisation of inputs with so many spatial dimensions, with a batch or without. */
function instanceNormLayer(spatial: number): InstanceNormClass {
  const batched = spatial + 2;
  return class extends InstanceNorm {
    forward(x: Tensor): Tensor {
      checkPositions(this.constructor.name, arguments, 1);
      checkTensor(this.constructor.name, 'x', x);
      const shape = x.shape;
      checkInput(this, shape, batched);
      if (shape.length === batched) return normalise(this, x, shape);
      return normalise(this, x.unsqueeze(0), [1, ...shape]).squeeze(0);
    }
  };
}

/**
 * Normalises each channel of each sample by its own mean and (biased) variance: (N, C, L) or (C, L). By default, as in
 * PyTorch, without parameters and without running statistics, so training and evaluation agree.
 */
export class InstanceNorm1d extends instanceNormLayer(1) {}
/**
 * The same for (N, C, H, W) or (C, H, W).
 *
 * @example
 * new nn.InstanceNorm2d(32, { affine: true }); // keys weight, bias
 */
export class InstanceNorm2d extends instanceNormLayer(2) {}
/** The same for (N, C, D, H, W) or (C, D, H, W). */
export class InstanceNorm3d extends instanceNormLayer(3) {}

function normalise(norm: InstanceNorm, x: Tensor, shape: readonly number[]): Tensor {
  const { weight, bias, running_mean, running_var, momentum, eps } = norm;
  const useInputStats = norm.training || !norm.trackRunningStats;
  if (useInputStats) checkSpatialSize(shape);
  return ops.aten.instance_norm(
    x,
    weight,
    bias,
    running_mean,
    running_var,
    useInputStats,
    momentum ?? 0,
    eps,
    true,
  );
}

function checkInput(norm: InstanceNorm, shape: readonly number[], batched: number): void {
  const { numFeatures, affine } = norm;
  const owner = norm.constructor.name;
  const dim = shape.length - batched + 1;
  if (dim !== 0 && dim !== 1) {
    throw new RangeError(
      `Expected ${dimensions([batched - 1, batched])} input for ${owner}, got ${shape.length}D [${shape.join(', ')}]`,
    );
  }
  if (shape[dim] === numFeatures) return;
  const text = `Expected ${numFeatures} channels in dimension ${dim} for ${owner}, got ${shape[dim]}`;
  if (affine) throw new RangeError(text);
  process.emitWarning(`${text}; unused, as affine is false`, { code: 'IBN_INSTANCE_NORM_CHANNELS' });
}
