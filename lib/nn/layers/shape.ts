import { checkOptions, checkPositions } from '../../options.ts';
import { ops, type Tensor } from '../../tensor/index.ts';
import { dropout } from '../functional.ts';
import { Module } from '../module/module.ts';
import { pythonRepr } from '../module/repr.ts';

/** Returns its input. As torch's it takes any arguments, so that it can stand in another layer's place, and reads none. */
export class Identity extends Module {
  constructor(..._unused: readonly unknown[]) {
    super();
  }

  forward(x: Tensor): Tensor {
    return x;
  }
}

/** Joins the dimensions from `startDim` (default 1) to `endDim` (default -1). */
export class Flatten extends Module {
  readonly startDim: number;
  readonly endDim: number;

  constructor(startDim = 1, endDim = -1) {
    checkPositions('Flatten', arguments, 2);
    super();
    this.startDim = startDim;
    this.endDim = endDim;
  }

  forward(x: Tensor): Tensor {
    return ops.aten.flatten(x, this.startDim, this.endDim);
  }

  override extraRepr(): string {
    return `start_dim=${this.startDim}, end_dim=${this.endDim}`;
  }
}

/**
 * In training, sets each element to zero with probability `p` and scales the rest by 1 / (1 - p).
 *
 * @example
 * new nn.Dropout(0.2);
 */
export class Dropout extends Module {
  p: number;
  readonly inplace: boolean;

  constructor(p = 0.5, options: { inplace?: boolean } = {}) {
    checkPositions('Dropout', arguments, 2);
    super();
    checkOptions('Dropout', options, ['inplace']);
    if (!(p >= 0 && p <= 1)) throw new RangeError(`Expected a probability from 0 to 1 for Dropout, got ${p}`);
    this.p = p;
    this.inplace = options.inplace ?? false;
  }

  forward(x: Tensor): Tensor {
    return this.training ? dropout(x, { p: this.p, inplace: this.inplace }) : x;
  }

  override extraRepr(): string {
    return `p=${pythonRepr(this.p)}, inplace=${pythonRepr(this.inplace)}`;
  }
}
