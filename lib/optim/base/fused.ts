import { ops, type Tensor } from '../../tensor/index.ts';
import type { Batch } from './batch.ts';

/** What GradScaler sets on an optimizer. */
interface Scaled {
  readonly gradScale: Tensor | null;
  readonly foundInf: Tensor | null;
}

/**
 * Whether a batch goes through libtorch's fused op: not on the CPU, where Python takes its for-loop by default, unless
 * `fused: true` or GradScaler, whose scale the op takes, asks for it.
 */
export function takesFusedOp(
  optimizer: Scaled,
  { params }: Batch,
  { fused }: { fused: boolean | null },
): boolean {
  const isScaled = optimizer.foundInf !== null || optimizer.gradScale !== null;
  return fused === true || isScaled || params[0]?.device !== 'cpu';
}

/** What GradScaler set, as fused ops take it, on the device of a batch. */
export function scalingOf(
  { gradScale, foundInf }: Scaled,
  batch: Batch,
): { grad_scale?: Tensor; found_inf?: Tensor } {
  const { device } = batch.params[0] as Tensor;
  return {
    ...(gradScale === null ? {} : { grad_scale: gradScale.to(device) }),
    ...(foundInf === null ? {} : { found_inf: foundInf.to(device) }),
  };
}

/** Takes a step back that a fused op left out because GradScaler found inf. */
export function uncountLeftOut({ foundInf }: Scaled, steps: readonly Tensor[]): void {
  if (foundInf === null) return;
  for (const step of steps) step.sub_(foundInf.to(step.device));
}

/** The gradients with the parameters' strides: the CPU kernels walk memory, and a gradient may be set by hand. */
export function alignedGrads({ params, grads }: Batch): Tensor[] {
  return grads.map((grad, i) => alignedTo(params[i] as Tensor, grad));
}

function alignedTo(param: Tensor, grad: Tensor): Tensor {
  const strides = grad.stride();
  if (param.stride().every((step, i) => step === strides[i])) return grad;
  return ops.aten.copy_(ops.aten.empty_like(param), grad);
}
