import { Module } from '../../nn/index.ts';
import { ops, type Tensor } from '../../tensor/index.ts';

/**
 * Mean of each channel's whole map: (N, C, H, W) -> (N, C, 1, 1).
 *
 * One `avg_pool2d` window over the map, so that a 7x7 map gives bit for bit what the published networks'
 * `AvgPool2d(7)` gives; `AdaptiveAvgPool2d(1)` adds up in another order, and training carries that on.
 */
export class GlobalAvgPool2d extends Module {
  forward(x: Tensor): Tensor {
    return ops.aten.avg_pool2d(x, x.shape.slice(-2));
  }
}
