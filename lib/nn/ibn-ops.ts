import { hasCudaKernels } from '../ops/cuda-kernels.ts';
import { recorder } from '../ops/recorder.ts';
import { ops, type Tensor } from '../tensor/index.ts';
import { checkBatchSize, checkSpatialSize } from './functional/batch-checks.ts';
import { BatchNorm2d, InstanceNorm2d } from './layers/norm.ts';
import type { Module } from './module/module.ts';

/** A normalisation that one op can do: channels `start` to `end` by `instance`, the others by `batch`. */
export interface NormParts {
  /** The layer whose forward this replaces; it may be `instance` itself. */
  owner: Module;
  instance: InstanceNorm2d | null;
  /** Null leaves the other channels as they are. */
  batch: BatchNorm2d | null;
  start: number;
  end: number;
  /** Channels in all. */
  channels: number;
}

/** Layers of both kinds say what one op has to do for them. */
interface HasNormParts {
  normParts(): NormParts;
}

/** What is done besides. */
export interface FusedOptions {
  /** Added first; of x's shape and dtype. */
  residual?: Tensor | null;
  /** Default false. */
  relu?: boolean;
}

type FusedNorms = 'cuda' | 'always' | 'never';
let fusedNorms: FusedNorms = 'cuda';

/**
 * Runs `fn` with the fused op on every device, or on none; the default is CUDA with its kernels. For tests: the CPU's
 * version of the op is exact, not fast.
 *
 * @internal
 */
export function withFusedNorms<T>(where: FusedNorms, fn: () => T): T {
  const before = fusedNorms;
  fusedNorms = where;
  try {
    return fn();
  } finally {
    fusedNorms = before;
  }
}

const DTYPES: ReadonlySet<string> = new Set(['float32', 'float16', 'bfloat16']);
const PLAIN: FusedOptions = {};

/**
 * Whether norms of `x` are one op: on CUDA with the package's kernels, but for float64 and while ops are recorded. With a
 * CPU build of libtorch this is one comparison.
 */
export function fusesNorms(x: Tensor): boolean {
  if (fusedNorms === 'cuda') {
    return hasCudaKernels() && recorder === null && x.isCuda && DTYPES.has(x.dtype);
  }
  return fusedNorms === 'always' && recorder === null;
}

/**
 * The normalisation of (N, C, H, W) by `norm` as one call of `ibn::instance_batch_norm`, in the memory format of `x`, on
 * the device of `x`; undefined where the op does not apply, and the layers' own ops have to do it: where `fusesNorms`
 * says no, for other layers, and where hooks are registered.
 *
 * @throws RangeError for inputs with one value per channel, as the layers themselves.
 */
export function fusedNorm(x: Tensor, norm: Module, options: FusedOptions = PLAIN): Tensor | undefined {
  if (!fusesNorms(x)) return undefined;
  const parts = partsOf(norm);
  if (parts === undefined || !isPlain(parts) || !isAlike(x, options.residual ?? null)) return undefined;
  const { shape } = x;
  if (shape.length !== 4 || shape[1] !== parts.channels) return undefined;
  if (parts.instance !== null) checkSpatialSize(shape);
  const { batch } = parts;
  const trains = batch !== null && (batch.training || batch.running_mean === null);
  return trains ? train(x, parts, batch, options) : evaluate(x, parts, options);
}

function partsOf(norm: Module): NormParts | undefined {
  if ('normParts' in norm) return (norm as unknown as HasNormParts).normParts();
  if (Object.getPrototypeOf(norm) !== InstanceNorm2d.prototype) return undefined;
  const { numFeatures: channels } = norm as InstanceNorm2d;
  return { owner: norm, instance: norm as InstanceNorm2d, batch: null, start: 0, end: channels, channels };
}

function isAlike(x: Tensor, residual: Tensor | null): boolean {
  return residual === null || (residual.dtype === x.dtype && residual.device === x.device);
}

/** Hooks and replaced forwards expect the layers' own results; running statistics of instances are no part of the op. */
function isPlain({ owner, instance, batch }: NormParts): boolean {
  if (instance?.trackRunningStats) return false;
  return isOwn(instance, InstanceNorm2d, owner) && isOwn(batch, BatchNorm2d, owner);
}

function isOwn(norm: Module | null, layer: { prototype: Module }, owner: Module): boolean {
  if (norm === null || norm === owner) return true;
  const isLayers = Object.getPrototypeOf(norm).forward === layer.prototype.forward;
  return isLayers && norm.isOwnCode && !norm.hasHooks;
}

function evaluate(x: Tensor, { instance, batch, start, end }: NormParts, options: FusedOptions): Tensor {
  return op('instance_batch_norm')(
    x,
    options.residual ?? null,
    start,
    end,
    instance?.weight ?? null,
    instance?.bias ?? null,
    batch?.weight ?? null,
    batch?.bias ?? null,
    batch?.running_mean ?? null,
    batch?.running_var ?? null,
    instance?.eps ?? 1e-5,
    batch?.eps ?? 1e-5,
    options.relu ?? false,
  ) as Tensor;
}

function train(
  x: Tensor,
  { instance, start, end }: NormParts,
  batch: BatchNorm2d,
  options: FusedOptions,
): Tensor {
  checkBatchSize(x.shape);
  const updates = batch.training && batch.trackRunningStats;
  return op('instance_batch_norm_train')(
    x,
    options.residual ?? null,
    start,
    end,
    instance?.weight ?? null,
    instance?.bias ?? null,
    batch.weight,
    batch.bias,
    updates ? batch.running_mean : null,
    updates ? batch.running_var : null,
    instance?.eps ?? 1e-5,
    batch.eps,
    options.relu ?? false,
    updates ? countBatch(batch) : 0,
  ) as Tensor;
}

/** Counts one more batch; returns its weight in the running statistics. */
function countBatch({ momentum, num_batches_tracked: count }: BatchNorm2d): number {
  if (count === null) return momentum ?? 0;
  ops.aten.add_(count, 1);
  return momentum ?? 1 / Number(count.item());
}

type Op = (...args: unknown[]) => unknown;
const op = (name: string): Op => (ops.ibn as Record<string, Op>)[name] as Op;
