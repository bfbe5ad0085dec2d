import { forwardThenRelease } from '../../nn/forward-then-release.ts';
import { fusedNorm, fusesNorms } from '../../nn/ibn-ops.ts';
import { type InstanceNorm2d, type Module, ReLU } from '../../nn/index.ts';
import { ops, type Tensor } from '../../tensor/index.ts';
import { release } from '../../tensor/scope.ts';

function fuse(x: Tensor, residual: Tensor | null, norm: Module, relu: Module): Tensor | undefined {
  const isPlain =
    relu instanceof ReLU && [norm, relu].every((module) => module.isOwnCode && !module.hasHooks);
  if (!isPlain) return undefined;
  return fusedNorm(x, norm, { residual, relu: true });
}

/** `relu(norm(x))`, which is one op where `norm` has a fused one; `x` is freed if the running scope made it. */
export function normRelu(norm: Module, relu: Module, x: Tensor): Tensor {
  const fused = fusesNorms(x) ? fuse(x, null, norm, relu) : undefined;
  if (fused === undefined) return forwardThenRelease(relu, forwardThenRelease(norm, x));
  release(x);
  return fused;
}

/** `relu(norm(x + residual))`, or without a norm `relu(x + residual)`. `x` is the caller's to overwrite. */
export function addNormRelu(x: Tensor, residual: Tensor, norm: InstanceNorm2d | null, relu: Module): Tensor {
  const fused = norm !== null && fusesNorms(x) ? fuse(x, residual, norm, relu) : undefined;
  if (fused !== undefined) {
    release(x);
    return fused;
  }
  const sum = ops.aten.add_(x, residual);
  return forwardThenRelease(relu, norm === null ? sum : forwardThenRelease(norm, sum));
}
