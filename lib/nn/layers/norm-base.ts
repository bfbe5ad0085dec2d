import { type Device, type DType, empty, ones, ops, type Tensor, zeros } from '../../tensor/index.ts';
import { flag, named, optional, real, Signature, whole } from '../arguments.ts';
import * as init from '../init/init.ts';
import { Module } from '../module/module.ts';
import { Parameter } from '../module/parameter.ts';
import { pythonFloat, pythonRepr } from '../module/repr.ts';
import type { LoadContext } from '../module/state-hooks.ts';
import { PLACE_ARGUMENTS, tensorOptions } from './place.ts';

/** Options of the normalisation layers. */
export interface NormLayerOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number;
  /** Weight of the new batch in the running statistics, default 0.1; null takes the plain average of all. */
  momentum?: number | null;
  /** Learn a scale and a shift per channel. Default true for batch, false for instance normalisation. */
  affine?: boolean;
  /** With `affine`, whether there is a shift. Default true. */
  bias?: boolean;
  /** Keep running statistics for evaluation. Default true for batch, false for instance normalisation. */
  trackRunningStats?: boolean;
  device?: Device;
  dtype?: DType;
}

/** The arguments, of which two are false by default in instance normalisation. */
export const normSignature = (isBatch: boolean) =>
  new Signature({
    numFeatures: whole(0),
    eps: named(real(1e-5)),
    momentum: { ...optional(named(real())), fallback: 0.1 },
    affine: flag(isBatch),
    bias: flag(true),
    trackRunningStats: flag(isBatch),
    ...PLACE_ARGUMENTS,
  });
/** What batch and instance normalisation share: parameters, running statistics, printing. */
export abstract class NormBase extends Module {
  static override version = 2;

  weight: Parameter | null;
  bias: Parameter | null;
  running_mean: Tensor | null = null;
  running_var: Tensor | null = null;
  num_batches_tracked: Tensor | null = null;
  readonly numFeatures: number;
  eps: number;
  momentum: number | null;
  readonly affine: boolean;
  readonly trackRunningStats: boolean;
  /**
   * Whether the norm is one pass over the map on the CPU, with a ReLU or an addition beside it where the networks have one;
   * see `nn.utils.fuseNorms`. Of `BatchNorm2d` and `InstanceNorm2d`; default false.
   */
  fused = false;

  constructor(numFeatures: number, options: NormLayerOptions, list: ReturnType<typeof normSignature>) {
    super();
    const values = list.read(this.constructor.name, [numFeatures, options]);
    this.numFeatures = numFeatures;
    this.eps = values.eps;
    this.momentum = values.momentum;
    this.affine = values.affine;
    this.trackRunningStats = values.trackRunningStats;
    const place = tensorOptions(values);
    this.weight = this.affine ? new Parameter(empty([numFeatures], place)) : null;
    this.bias = this.affine && values.bias ? new Parameter(empty([numFeatures], place)) : null;
    const track = this.trackRunningStats;
    this.registerBuffer('running_mean', track ? zeros([numFeatures], place) : null);
    this.registerBuffer('running_var', track ? ones([numFeatures], place) : null);
    this.registerBuffer('num_batches_tracked', track ? zeros([], { ...place, dtype: 'int64' }) : null);
    this.resetParameters();
  }

  /** Sets the running mean to 0, the variance to 1 and the count to 0. */
  resetRunningStats(): void {
    if (this.running_mean !== null) init.zeros_(this.running_mean);
    if (this.running_var !== null) init.ones_(this.running_var);
    if (this.num_batches_tracked !== null) init.zeros_(this.num_batches_tracked);
  }

  /** Sets the scale to 1, the shift to 0, and the running statistics to their start. */
  resetParameters(): void {
    this.resetRunningStats();
    if (this.weight !== null) init.ones_(this.weight);
    if (this.bias !== null) init.zeros_(this.bias);
  }

  /** Files from before version 2 have no `num_batches_tracked` (torch/nn/modules/batchnorm.py, 2.13). */
  override prepareLoad({ version, prefix, optional }: LoadContext): void {
    if (this.trackRunningStats && (version === undefined || version < 2)) {
      optional.add(`${prefix}num_batches_tracked`);
    }
  }

  override extraRepr(): string {
    return (
      `${this.numFeatures}, eps=${pythonFloat(this.eps)}, ` +
      `momentum=${this.momentum === null ? 'None' : pythonFloat(this.momentum)}, ` +
      `affine=${pythonRepr(this.affine)}, bias=${pythonRepr(this.bias !== null)}, ` +
      `track_running_stats=${pythonRepr(this.trackRunningStats)}`
    );
  }
}

/** Counts one more batch; returns its weight in the running statistics. */
export function countBatch({ num_batches_tracked: count, momentum }: NormBase): number {
  if (count === null) return momentum ?? 0;
  ops.aten.add_(count, 1);
  return momentum ?? 1 / count.item();
}
