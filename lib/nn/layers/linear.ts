import { checkOptions, checkPositions } from '../../options.ts';
import { type Device, type DType, empty, ops, type Tensor } from '../../tensor/index.ts';
import * as init from '../init/init.ts';
import { Module } from '../module/module.ts';
import { Parameter } from '../module/parameter.ts';
import { pythonRepr } from '../module/repr.ts';
import { checkCount } from '../sizes.ts';
import { tensorOptions } from './place.ts';

/** Options of Linear. */
export interface LinearOptions {
  /** Default true. */
  bias?: boolean;
  device?: Device;
  dtype?: DType;
}

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
    checkOptions('Linear', options, ['bias', 'device', 'dtype']);
    checkCount('Linear', 'inFeatures', inFeatures, 0);
    checkCount('Linear', 'outFeatures', outFeatures, 0);
    this.inFeatures = inFeatures;
    this.outFeatures = outFeatures;
    const place = tensorOptions(options);
    this.weight = new Parameter(empty([outFeatures, inFeatures], place));
    this.bias = (options.bias ?? true) ? new Parameter(empty([outFeatures], place)) : null;
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
    return ops.aten.linear(x, this.weight, this.bias);
  }

  override extraRepr(): string {
    const { inFeatures, outFeatures, bias } = this;
    return `in_features=${inFeatures}, out_features=${outFeatures}, bias=${pythonRepr(bias !== null)}`;
  }
}
