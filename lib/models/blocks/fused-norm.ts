import { forwardThenRelease } from '../../nn/forward-then-release.ts';
import { type FusedOptions, fusedNorm, fusesNorms } from '../../nn/ibn-ops.ts';
import { type InstanceNorm2d, type Module, ReLU } from '../../nn/index.ts';
import { ops, type Tensor } from '../../tensor/index.ts';
import { release } from '../../tensor/scope.ts';

function fuse(x: Tensor, added: FusedOptions, norm: Module, relu: Module): Tensor | undefined {
  if (!fusesNorms(x, norm)) return undefined;
  const isPlain =
    relu instanceof ReLU && [norm, relu].every((module) => module.isOwnCode && !module.hasHooks);
  if (!isPlain) return undefined;
  return fusedNorm(x, norm, { ...added, relu: true });
}

/** `relu(norm(x))`, which is one op where `norm` has a fused one; `x` is freed if the running scope made it. */
export function normRelu(norm: Module, relu: Module, x: Tensor): Tensor {
  const fused = fuse(x, {}, norm, relu);
  if (fused === undefined) return forwardThenRelease(relu, forwardThenRelease(norm, x));
  release(x);
  return fused;
}

/** `relu(norm(x) + residual)`; `x` is freed if the running scope made it. */
function normAddRelu(norm: Module, relu: Module, x: Tensor, residual: Tensor): Tensor {
  const fused = fuse(x, { addend: residual }, norm, relu);
  if (fused === undefined) return addNormRelu(forwardThenRelease(norm, x), residual, null, relu);
  release(x);
  return fused;
}

/** `relu(norm(x + residual))`, or without a norm `relu(x + residual)`. `x` is the caller's to overwrite. */
function addNormRelu(x: Tensor, residual: Tensor, norm: InstanceNorm2d | null, relu: Module): Tensor {
  // On the CPU the addition in place keeps one map, where the op would keep two.
  const fused = norm !== null && !norm.fused ? fuse(x, { residual }, norm, relu) : undefined;
  if (fused !== undefined) {
    release(x);
    return fused;
  }
  const sum = ops.aten.add_(x, residual);
  return norm === null ? forwardThenRelease(relu, sum) : normRelu(norm, relu, sum);
}

/** What ends a residual block. */
export interface EndOfBlock {
  norm: Module;
  se: Module | null;
  IN: InstanceNorm2d | null;
  relu: Module;
}

/** `relu(IN(se(norm(x)) + residual))`, without `se` and `IN` where they are null. */
export function residualEnd(x: Tensor, residual: Tensor, { norm, se, IN, relu }: EndOfBlock): Tensor {
  if (se === null && IN === null) return normAddRelu(norm, relu, x, residual);
  const out = forwardThenRelease(norm, x);
  return addNormRelu(se === null ? out : forwardThenRelease(se, out), residual, IN, relu);
}
