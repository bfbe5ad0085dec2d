import { call, forwardThenRelease } from '../../../nn/forward-then-release.ts';
import { BatchNorm2d, Conv2d, init, Module, Sequential } from '../../../nn/index.ts';
import { checkPositions } from '../../../options.ts';
import { ops, type Tensor } from '../../../tensor/index.ts';
import { temporaries } from '../../../tensor/scope.ts';

/**
 * fast-reid's non-local block: adds to each pixel what its affinity to all pixels of the map gathers.
 * (N, C, H, W) -> (N, C, H, W). Keys `g`, `W.0`, `W.1`, `theta`, `phi`.
 *
 * The published code divides `reduc_ratio` by itself and so has one inner channel, whatever the ratio; its files have
 * that shape. With one channel the product of the (HW, HW) affinities and `g` is `theta` times the mean of `phi * g`,
 * which is what is computed here: the same up to rounding, without the large matrix.
 */
export class NonLocal extends Module {
  g: Conv2d;
  W: Sequential;
  theta: Conv2d;
  phi: Conv2d;

  constructor(readonly inChannels: number) {
    checkPositions('NonLocal', arguments, 1);
    super();
    const norm = new BatchNorm2d(inChannels);
    this.g = new Conv2d(inChannels, 1, 1);
    this.W = new Sequential(new Conv2d(1, inChannels, 1), norm);
    this.theta = new Conv2d(inChannels, 1, 1);
    this.phi = new Conv2d(inChannels, 1, 1);
    if (norm.weight !== null) init.zeros_(norm.weight);
  }

  forward(x: Tensor): Tensor {
    return temporaries(() => {
      const gathered = ops.aten.mul(call(this.phi, x), call(this.g, x)); // (N, 1, H, W)
      const mean = ops.aten.mean(gathered, [2, 3], true); // (N, 1, 1, 1)
      const y = ops.aten.mul(call(this.theta, x), mean);
      return ops.aten.add(forwardThenRelease(this.W, y), x);
    });
  }
}
