import { checkPositions } from '../../options.ts';
import { type Device, type DType, empty, ops, type Tensor } from '../../tensor/index.ts';
import { flag, Signature, whole } from '../arguments.ts';
import * as init from '../init/init.ts';
import { Module } from '../module/module.ts';
import { Parameter } from '../module/parameter.ts';
import { pythonRepr } from '../module/repr.ts';
import { PLACE_ARGUMENTS, tensorOptions } from './place.ts';

/** Options of Linear. */
export interface LinearOptions {
  /** Default true. */
  bias?: boolean;
  device?: Device;
  dtype?: DType;
}

const OPTIONS = { bias: flag(true), ...PLACE_ARGUMENTS };
const LINEAR = new Signature({ inFeatures: whole(0), outFeatures: whole(0), ...OPTIONS });
const BILINEAR = new Signature({
  in1Features: whole(1),
  in2Features: whole(0),
  outFeatures: whole(0),
  ...OPTIONS,
});

/**
 * Affine map of the last dimension: (..., in) -> (..., out).
 *
 * @example
 * new nn.Linear(2048, 1000).forward(features);
 */
export class Linear extends Module {
  weight: Parameter;
  bias: Parameter | null;
  readonly inFeatures: number;
  readonly outFeatures: number;

  constructor(inFeatures: number, outFeatures: number, options: LinearOptions = {}) {
    checkPositions('Linear', arguments, 3);
    super();
    const values = LINEAR.read('Linear', [inFeatures, outFeatures, options]);
    this.inFeatures = inFeatures;
    this.outFeatures = outFeatures;
    const place = tensorOptions(values);
    this.weight = new Parameter(empty([outFeatures, inFeatures], place));
    this.bias = values.bias ? new Parameter(empty([outFeatures], place)) : null;
    this.resetParameters();
  }

  /** Draws the weights anew. */
  resetParameters(): void {
    init.kaimingUniform_(this.weight, { a: Math.sqrt(5) });
    if (this.bias === null) return;
    const bound = this.inFeatures > 0 ? 1 / Math.sqrt(this.inFeatures) : 0;
    init.uniform_(this.bias, -bound, bound);
  }

  forward(x: Tensor): Tensor {
    checkPositions(this.constructor.name, arguments, 1);
    return ops.aten.linear(x, this.weight, this.bias);
  }

  override extraRepr(): string {
    const { inFeatures, outFeatures, bias } = this;
    return `in_features=${inFeatures}, out_features=${outFeatures}, bias=${pythonRepr(bias !== null)}`;
  }
}

/**
 * For each output, the first input times a matrix times the second: (..., in1), (..., in2) -> (..., out).
 *
 * @example
 * new nn.Bilinear(20, 30, 40); // keys weight (40, 20, 30), bias (40)
 */
export class Bilinear extends Module {
  weight: Parameter;
  bias: Parameter | null;
  readonly in1Features: number;
  readonly in2Features: number;
  readonly outFeatures: number;

  constructor(in1Features: number, in2Features: number, outFeatures: number, options: LinearOptions = {}) {
    checkPositions('Bilinear', arguments, 4);
    super();
    const values = BILINEAR.read('Bilinear', [in1Features, in2Features, outFeatures, options]);
    this.in1Features = in1Features;
    this.in2Features = in2Features;
    this.outFeatures = outFeatures;
    const place = tensorOptions(values);
    this.weight = new Parameter(empty([outFeatures, in1Features, in2Features], place));
    this.bias = values.bias ? new Parameter(empty([outFeatures], place)) : null;
    this.resetParameters();
  }

  /** Draws the weights anew. */
  resetParameters(): void {
    const bound = 1 / Math.sqrt(this.in1Features);
    init.uniform_(this.weight, -bound, bound);
    if (this.bias !== null) init.uniform_(this.bias, -bound, bound);
  }

  forward(x1: Tensor, x2: Tensor): Tensor {
    checkPositions(this.constructor.name, arguments, 2);
    return ops.aten.bilinear(x1, x2, this.weight, this.bias);
  }

  override extraRepr(): string {
    const { in1Features, in2Features, outFeatures, bias } = this;
    return (
      `in1_features=${in1Features}, in2_features=${in2Features}, ` +
      `out_features=${outFeatures}, bias=${pythonRepr(bias !== null)}`
    );
  }
}
