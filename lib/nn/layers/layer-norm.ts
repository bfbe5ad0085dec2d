/** Normalisations that keep no statistics. */
import { checkPositions } from '../../options.ts';
import { empty, ops, type Tensor } from '../../tensor/index.ts';
import { type Call, flag, named, optional, real, Signature, whole } from '../arguments.ts';
import { type CrossMapLRNValues, crossMapLrn2d } from '../functional/cross-map-lrn.ts';
import {
  groupNorm,
  type LocalResponseNormOptions,
  localResponseNorm,
  normalizedShapeArgument,
} from '../functional/normalization.ts';
import * as init from '../init/init.ts';
import { Module } from '../module/module.ts';
import { Parameter } from '../module/parameter.ts';
import { pythonFloat, pythonRepr } from '../module/repr.ts';
import { defineLayer, layerOf } from './define.ts';
import { PLACE_ARGUMENTS, type PlaceOptions, type PlaceValues, tensorOptions } from './place.ts';

/** A scale, a shift, both or neither. */
abstract class Affine extends Module {
  weight: Parameter | null;
  bias: Parameter | null;

  constructor(shape: readonly number[], has: { weight: boolean; bias: boolean }, place: PlaceValues) {
    super();
    const make = (isThere: boolean): Parameter | null =>
      isThere ? new Parameter(empty([...shape], tensorOptions(place))) : null;
    this.weight = make(has.weight);
    this.bias = make(has.weight && has.bias);
    this.resetParameters();
  }

  /** Sets the scale to 1 and the shift to 0. */
  resetParameters(): void {
    if (this.weight !== null) init.ones_(this.weight);
    if (this.bias !== null) init.zeros_(this.bias);
  }
}

/** Options of LayerNorm. */
export interface LayerNormOptions extends PlaceOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number;
  /** Learn a scale and a shift for each element. Default true. */
  elementwiseAffine?: boolean;
  /** With `elementwiseAffine`, whether there is a shift. Default true. */
  bias?: boolean;
}

const LAYER_NORM = new Signature({
  normalizedShape: normalizedShapeArgument(),
  eps: named(real(1e-5)),
  elementwiseAffine: flag(true),
  bias: flag(true),
  ...PLACE_ARGUMENTS,
});

/**
 * Normalises over the last dimensions, whose sizes are `normalizedShape`.
 *
 * @example
 * new nn.LayerNorm(512); // keys weight (512), bias (512)
 */
export class LayerNorm extends Affine {
  readonly normalizedShape: readonly number[];
  eps: number;
  readonly elementwiseAffine: boolean;

  constructor(...given: Call<[normalizedShape: number | readonly number[]], LayerNormOptions>) {
    const values = LAYER_NORM.read(new.target.name, given);
    super(values.normalizedShape, { weight: values.elementwiseAffine, bias: values.bias }, values);
    this.normalizedShape = values.normalizedShape;
    this.eps = values.eps;
    this.elementwiseAffine = values.elementwiseAffine;
  }

  forward(x: Tensor): Tensor {
    checkPositions(this.constructor.name, arguments, 1);
    return ops.aten.layer_norm(x, [...this.normalizedShape], this.weight, this.bias, this.eps);
  }

  override extraRepr(): string {
    return (
      `${pythonRepr(this.normalizedShape)}, eps=${pythonFloat(this.eps)}, ` +
      `elementwise_affine=${pythonRepr(this.elementwiseAffine)}, bias=${pythonRepr(this.bias !== null)}`
    );
  }
}

/** Options of RMSNorm. */
export interface RMSNormOptions extends PlaceOptions {
  /** Added to the mean of squares. Default: the smallest step of the dtype. */
  eps?: number | null;
  /** Learn a scale for each element. Default true. */
  elementwiseAffine?: boolean;
}

const RMS_NORM = new Signature({
  normalizedShape: normalizedShapeArgument(),
  eps: named(optional(real())),
  elementwiseAffine: flag(true),
  ...PLACE_ARGUMENTS,
});

/** Divides by the root of the mean square over the last dimensions, whose sizes are `normalizedShape`. */
export class RMSNorm extends Module {
  weight: Parameter | null;
  readonly normalizedShape: readonly number[];
  eps: number | null;
  readonly elementwiseAffine: boolean;

  constructor(...given: Call<[normalizedShape: number | readonly number[]], RMSNormOptions>) {
    super();
    const values = RMS_NORM.read(new.target.name, given);
    this.normalizedShape = values.normalizedShape;
    this.eps = values.eps;
    this.elementwiseAffine = values.elementwiseAffine;
    this.weight = this.elementwiseAffine
      ? new Parameter(empty(values.normalizedShape, tensorOptions(values)))
      : null;
    this.resetParameters();
  }

  /** Sets the scale to 1. */
  resetParameters(): void {
    if (this.weight !== null) init.ones_(this.weight);
  }

  forward(x: Tensor): Tensor {
    checkPositions(this.constructor.name, arguments, 1);
    return ops.aten.rms_norm(x, [...this.normalizedShape], this.weight, this.eps);
  }

  override extraRepr(): string {
    return (
      `${pythonRepr(this.normalizedShape)}, eps=${this.eps === null ? 'None' : pythonFloat(this.eps)}, ` +
      `elementwise_affine=${pythonRepr(this.elementwiseAffine)}`
    );
  }
}

/** Options of GroupNorm. */
export interface GroupNormOptions extends PlaceOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number;
  /** Learn a scale and a shift for each channel. Default true. */
  affine?: boolean;
  /** With `affine`, whether there is a shift. Default true. */
  bias?: boolean;
}

const GROUP_NORM = new Signature({
  numGroups: whole(1),
  numChannels: whole(0),
  eps: named(real(1e-5)),
  affine: flag(true),
  bias: flag(true),
  ...PLACE_ARGUMENTS,
});

/**
 * Normalises the channels of each sample in groups: (N, C, ...).
 *
 * @example
 * new nn.GroupNorm(8, 64); // keys weight (64), bias (64)
 */
export class GroupNorm extends Affine {
  readonly numGroups: number;
  readonly numChannels: number;
  eps: number;
  readonly affine: boolean;

  constructor(...given: Call<[numGroups: number, numChannels: number], GroupNormOptions>) {
    const values = GROUP_NORM.read(new.target.name, given);
    const { numGroups, numChannels } = values;
    if (numChannels % numGroups !== 0) {
      throw new RangeError(
        `Expected ${new.target.name} numChannels to be divisible by numGroups, got ${numChannels} and ${numGroups}`,
      );
    }
    super([numChannels], { weight: values.affine, bias: values.bias }, values);
    this.numGroups = numGroups;
    this.numChannels = numChannels;
    this.eps = values.eps;
    this.affine = values.affine;
  }

  forward(x: Tensor): Tensor {
    checkPositions(this.constructor.name, arguments, 1);
    return groupNorm(x, this.numGroups, { weight: this.weight, bias: this.bias, eps: this.eps });
  }

  override extraRepr(): string {
    return (
      `${this.numGroups}, ${this.numChannels}, eps=${pythonFloat(this.eps)}, ` +
      `affine=${pythonRepr(this.affine)}, bias=${pythonRepr(this.bias !== null)}`
    );
  }
}

/** Divides by a power of the mean square of `size` neighbouring channels: (N, C, ...). */
export class LocalResponseNorm extends layerOf(
  localResponseNorm,
  ({ size, alpha, beta, k }) =>
    `${size}, alpha=${pythonFloat(alpha)}, beta=${pythonFloat(beta)}, k=${pythonFloat(k)}`,
) {}

/** The same as PyTorch computes it under this name: its windows keep the first channel, and its backward differs from them. */
export class CrossMapLRN2d extends defineLayer<[size: number], LocalResponseNormOptions, CrossMapLRNValues>(
  localResponseNorm.definition.signature,
  (layer, x) => crossMapLrn2d(x, layer),
  // Its default k is no float in Python.
  ({ size, alpha, beta, k }) =>
    `${size}, alpha=${pythonFloat(alpha)}, beta=${pythonFloat(beta)}, k=${k === 1 ? k : pythonFloat(k)}`,
) {}
