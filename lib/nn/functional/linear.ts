import { checkPositions } from '../../options.ts';
import { ops, type Tensor } from '../../tensor/index.ts';

/** `x` times the transpose of `weight` (out, in), plus `bias`. */
export function linear(x: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor {
  checkPositions('linear', arguments, 3);
  return ops.aten.linear(x, weight, bias);
}

/** For each output o, `x1` times `weight[o]` times `x2`, plus `bias`: (..., in1), (..., in2) -> (..., out). */
export function bilinear(x1: Tensor, x2: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor {
  checkPositions('bilinear', arguments, 4);
  return ops.aten.bilinear(x1, x2, weight, bias);
}
