import { checkOptions } from '../../options.ts';
import { ops, type Tensor } from '../../tensor/index.ts';
import { pair, type Size2 } from '../sizes.ts';

/** Options of `conv2d`, as those of the layer. */
export interface Conv2dFunctionOptions {
  stride?: Size2;
  padding?: Size2 | 'same' | 'valid';
  dilation?: Size2;
  groups?: number;
}

/** 2-D convolution of (N, C, H, W) with a weight (out, C / groups, kH, kW). */
export function conv2d(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null = null,
  options: Conv2dFunctionOptions = {},
): Tensor {
  checkOptions('conv2d', options, ['stride', 'padding', 'dilation', 'groups']);
  const { stride = 1, padding = 0, dilation = 1, groups = 1 } = options;
  if (typeof padding === 'string') {
    return ops.aten.conv2d.padding(x, weight, bias, pair(stride), padding, pair(dilation), groups);
  }
  return ops.aten.conv2d(x, weight, bias, pair(stride), pair(padding), pair(dilation), groups);
}
