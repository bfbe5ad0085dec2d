import { fusedNorm, type NormParts } from '../nn/ibn-ops.ts';
import { InstanceNorm2d, type Module, type ReLU } from '../nn/index.ts';
import { step } from '../nn/step.ts';
import { ops, release, type Tensor } from '../tensor/index.ts';

/** Layers that one op can do say how. */
interface HasNormParts {
  normParts(): NormParts;
}

function partsOf(norm: Module): NormParts | undefined {
  if ('normParts' in norm) return (norm as unknown as HasNormParts).normParts();
  if (Object.getPrototypeOf(norm) !== InstanceNorm2d.prototype) return undefined;
  const { numFeatures: channels } = norm as InstanceNorm2d;
  return { owner: norm, instance: norm as InstanceNorm2d, batch: null, start: 0, end: channels, channels };
}

function fuse(x: Tensor, residual: Tensor | null, norm: Module, relu: ReLU): Tensor | undefined {
  if (norm.hasHooks || relu.hasHooks) return undefined;
  const parts = partsOf(norm);
  return parts && fusedNorm(x, parts, { residual, relu: true });
}

/** `relu(norm(x))`, which is one op where `norm` has a fused one; `x` is freed if the running scope made it. */
export function normRelu(norm: Module, relu: ReLU, x: Tensor): Tensor {
  const fused = fuse(x, null, norm, relu);
  if (fused === undefined) return step(relu, step(norm, x));
  release(x);
  return fused;
}

/** `relu(norm(x + residual))`, or without a norm `relu(x + residual)`. `x` is the caller's to overwrite. */
export function addNormRelu(x: Tensor, residual: Tensor, norm: InstanceNorm2d | null, relu: ReLU): Tensor {
  const fused = norm === null ? undefined : fuse(x, residual, norm, relu);
  if (fused !== undefined) {
    release(x);
    return fused;
  }
  const sum = ops.aten.add_(x, residual);
  return step(relu, norm === null ? sum : step(norm, sum));
}
