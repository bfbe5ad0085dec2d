import {
  AdaptiveAvgPool2d,
  AvgPool2d,
  BatchNorm2d,
  Conv2d,
  InstanceNorm2d,
  Linear,
  MaxPool2d,
  type Module,
  ReLU,
  Sigmoid,
} from '../nn/index.ts';
import type { Tensor } from '../tensor/index.ts';
import { GlobalAvgPool2d } from './blocks/global-avg-pool.ts';

/** Work of one call of a layer. */
export interface Operations {
  /** Multiply-accumulates of convolutions and linear layers. */
  macs: number;
  /** Floating-point operations as the published tables count them; half of them is what they call MACs. */
  flops: number;
}

const product = (sizes: readonly number[]): number => sizes.reduce((total, size) => total * size, 1);

function ofConv(conv: Conv2d, shape: readonly number[]): Operations {
  const [batch = 1] = shape;
  const positions = product(shape.slice(2));
  const connections = (conv.inChannels * conv.outChannels) / conv.groups;
  const window = product(conv.kernelSize);
  // Without a bias the published count takes one operation off for every connection, whatever the map's size.
  const first = conv.bias === null ? 1 : 0;
  return {
    macs: batch * window * positions * connections,
    flops: batch * (2 * window * positions - first) * connections,
  };
}

function ofLinear(linear: Linear, shape: readonly number[]): Operations {
  const rows = product(shape.slice(0, -1));
  const { inFeatures, outFeatures } = linear;
  const first = linear.bias === null ? 1 : 0;
  return { macs: rows * inFeatures * outFeatures, flops: rows * (2 * inFeatures - first) * outFeatures };
}

/**
 * Counts the work of a layer; containers and layers that only move data have none.
 *
 * The published tables (osmr/imgclsmob, pytorch/model_stats.py) count two operations for each multiply-accumulate,
 * four for each normalised element, one for each ReLU, four for each sigmoid, and a pooling window for each output.
 */
export function countOperations(module: Module, input: Tensor, output: Tensor): Operations {
  const [from, to] = [input.shape, output.shape];
  const onlyFlops = (flops: number): Operations => ({ macs: 0, flops });
  if (module instanceof Conv2d) return ofConv(module, to);
  if (module instanceof Linear) return ofLinear(module, to);
  if (module instanceof BatchNorm2d || module instanceof InstanceNorm2d) {
    return onlyFlops((4 * product(from) * module.numFeatures) / (from[1] as number));
  }
  if (module instanceof ReLU) return onlyFlops(product(from));
  if (module instanceof Sigmoid) return onlyFlops(4 * product(from));
  if (module instanceof MaxPool2d || module instanceof AvgPool2d) {
    const { kernelSize } = module;
    return onlyFlops(product(to) * (typeof kernelSize === 'number' ? kernelSize ** 2 : product(kernelSize)));
  }
  if (module instanceof AdaptiveAvgPool2d || module instanceof GlobalAvgPool2d) {
    return onlyFlops(product(to) * product(from.slice(2)));
  }
  return onlyFlops(0);
}
