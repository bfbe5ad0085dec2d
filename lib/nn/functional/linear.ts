import { ops, type Tensor } from '../../tensor/index.ts';

/** `x` times the transpose of `weight` (out, in), plus `bias`. */
export function linear(x: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor {
  return ops.aten.linear(x, weight, bias);
}
