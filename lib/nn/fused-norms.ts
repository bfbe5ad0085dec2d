import { hasCudaKernels } from '../ops/cuda-kernels.ts';
import { recorder } from '../ops/recorder.ts';
import { ops, type Tensor } from '../tensor/index.ts';
import { checkBatchSize, checkEps, checkSpatialSize } from './functional/batch-checks.ts';
import { countBatch, type NormBase } from './layers/norm-base.ts';
import type { Module } from './module/module.ts';

/** A normalisation that one op can do: channels `start` to `end` by `instance`, the others by `batch`. */
export interface NormParts {
  /** The layer whose forward this replaces; it may be `instance` itself. */
  owner: Module;
  instance: NormBase | null;
  /** Null leaves the other channels as they are. */
  batch: NormBase | null;
  start: number;
  end: number;
  /** Channels in all. */
  channels: number;
}

/** What is done besides. */
export interface FusedOptions {
  /** Added first; of x's shape and dtype. */
  residual?: Tensor | null;
  /** Added to what is normalised, before the ReLU; of x's shape and dtype. In training alone, and without a residual. */
  addend?: Tensor | null;
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
const CPU_DTYPES: ReadonlySet<string> = new Set(['float32', 'bfloat16']);

/** A layer whose norm is one op on the CPU too, if it is told so. */
export interface Fusable {
  fused: boolean;
}

/**
 * Whether the norm of `x` is one op: on CUDA with the package's kernels, but for float64; on the CPU where the layer was
 * asked for it (`nn.utils.fuseNorms`), in float32 and bfloat16. Never while ops are recorded.
 */
export function fusesNorms(x: Tensor, norm: Module): boolean {
  if (fusedNorms === 'never' || recorder !== null) return false;
  if (fusedNorms === 'always') return true;
  if ((norm as Partial<Fusable>).fused) return x.device === 'cpu' && CPU_DTYPES.has(x.dtype);
  return hasCudaKernels() && x.isCuda && DTYPES.has(x.dtype);
}

/** One call of `ibn::instance_batch_norm`; undefined for an `addend` in evaluation. */
export function callNorm(x: Tensor, parts: NormParts, options: FusedOptions): Tensor | undefined {
  const { instance, batch } = parts;
  if (instance !== null) checkSpatialSize(x.shape);
  if (batch !== null && (batch.training || batch.running_mean === null))
    return train(x, parts, batch, options);
  return options.addend == null ? evaluate(x, parts, options) : undefined;
}

/** Batch normalisation of all channels of (N, C, H, W) as one op, where `norm` was asked for it and `x` is for it. */
export function fusedBatchNorm(norm: NormBase & Fusable, x: Tensor): Tensor | undefined {
  const { numFeatures: channels } = norm;
  if (!fusesNorms(x, norm) || x.dim() !== 4 || x.shape[1] !== channels) return undefined;
  return callNorm(x, { owner: norm, instance: null, batch: norm, start: 0, end: 0, channels }, {});
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
  batch: NormBase,
  options: FusedOptions,
): Tensor {
  checkBatchSize(x.shape);
  checkEps(batch.constructor.name, batch.eps, true);
  const { residual = null, addend = null, relu = false } = options;
  const updates = batch.training && batch.trackRunningStats;
  return op(addend === null ? 'instance_batch_norm_train' : 'instance_batch_norm_add_train')(
    x,
    addend ?? residual,
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
    relu,
    updates ? countBatch(batch) : 0,
  ) as Tensor;
}

type Op = (...args: unknown[]) => unknown;
const op = (name: string): Op => (ops.ibn as Record<string, Op>)[name] as Op;
