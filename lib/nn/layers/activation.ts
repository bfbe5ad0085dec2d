import { checkOptions, checkPositions } from '../../options.ts';
import { ops, type Tensor } from '../../tensor/index.ts';
import { Module } from '../module/module.ts';

/**
 * max(x, 0), element by element.
 *
 * @example
 * new nn.ReLU({ inplace: true });
 */
export class ReLU extends Module {
  readonly inplace: boolean;

  /** @param options `inplace` (default false) overwrites the input. */
  constructor(options: { inplace?: boolean } = {}) {
    checkPositions('ReLU', arguments, 1);
    super();
    checkOptions('ReLU', options, ['inplace']);
    this.inplace = options.inplace ?? false;
  }

  forward(x: Tensor): Tensor {
    return this.inplace ? ops.aten.relu_(x) : ops.aten.relu(x);
  }

  override extraRepr(): string {
    return this.inplace ? 'inplace=True' : '';
  }
}

/** 1 / (1 + exp(-x)), element by element. */
export class Sigmoid extends Module {
  forward(x: Tensor): Tensor {
    return ops.aten.sigmoid(x);
  }
}
