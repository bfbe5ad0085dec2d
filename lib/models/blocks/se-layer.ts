import { call, forwardThenRelease } from '../../nn/forward-then-release.ts';
import { AdaptiveAvgPool2d, Linear, Module, ReLU, Sequential, Sigmoid } from '../../nn/index.ts';
import { checkPositions } from '../../options.ts';
import { ops, type Tensor } from '../../tensor/index.ts';
import { temporaries } from '../../tensor/scope.ts';
import { checkPlanes } from './ibn.ts';

/**
 * Squeeze and excitation: scales each channel by a number from 0 to 1 that the means of all channels give.
 * (N, C, H, W) -> (N, C, H, W). Keys `fc.0.weight` and `fc.2.weight`, no biases.
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: accessors of two types, which only an interface can have without code
export class SELayer extends Module {
  /** @param reduction The layer between has `channels / reduction` features, rounded down. Default 16. */
  constructor(channels: number, reduction = 16) {
    checkPositions('SELayer', arguments, 2);
    super();
    checkPlanes('SELayer', channels);
    const hidden = Math.trunc(channels / reduction);
    this.avg_pool = new AdaptiveAvgPool2d(1);
    this.fc = new Sequential(
      new Linear(channels, hidden, { bias: false }),
      new ReLU({ inplace: true }),
      new Linear(hidden, channels, { bias: false }),
      new Sigmoid(),
    );
  }

  forward(x: Tensor): Tensor {
    return temporaries(() => {
      const means = call(this.avg_pool, x).flatten(1); // (N, C)
      const scale = forwardThenRelease(this.fc, means); // (N, C)
      return ops.aten.mul(x, scale.unsqueeze(-1).unsqueeze(-1));
    });
  }
}

/** Parts: each reads as what the constructor put there and takes any module in its place (`model.fc = new nn.Identity()`). */
export interface SELayer {
  get avg_pool(): AdaptiveAvgPool2d;
  set avg_pool(module: Module);
  get fc(): Sequential;
  set fc(module: Module);
}
