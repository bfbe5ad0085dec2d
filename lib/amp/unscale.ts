import { type Device, type DType, ops, type Tensor } from '../tensor/index.ts';
import type { PerDevice } from './per-device.ts';

/** How gradients are unscaled. */
export interface Unscaling {
  /** Set to 1 on each device where a gradient is inf or NaN. */
  found: PerDevice;
  /** What gradients are multiplied by. */
  inverse: PerDevice;
  /** Float16 gradients lose numbers when they are unscaled. */
  allowFloat16: boolean;
}

/** Multiplies the gradients of `params` in place, one call for each device and dtype. */
export function unscaleGradients(
  params: readonly Tensor[],
  { found, inverse, allowFloat16 }: Unscaling,
): void {
  const groups = new Map<string, { device: Device; grads: Tensor[] }>();
  for (const param of params) {
    const values = valuesOf(param, allowFloat16);
    if (values === null) continue;
    const { device, dtype } = values;
    const key = `${device} ${dtype}`;
    const group = groups.get(key) ?? { device, grads: [] };
    groups.set(key, group);
    group.grads.push(values);
  }
  for (const { device, grads } of groups.values()) {
    ops.aten._amp_foreach_non_finite_check_and_unscale_(grads, found.get(device), inverse.get(device));
  }
}

/** The numbers of a gradient, or null without one. */
function valuesOf(param: Tensor, allowFloat16: boolean): Tensor | null {
  const { grad } = param;
  if (grad === null) return null;
  const dtype: DType = grad.dtype;
  if (!allowFloat16 && dtype === 'float16') {
    throw new RangeError(
      'Expected float32 gradients for GradScaler.unscale_, got float16; keep the parameters in float32 and let ' +
        'autocast choose the precision',
    );
  }
  if (grad.layout !== 'sparse_coo') return grad;
  // Sums of equal indices may overflow where their parts do not.
  if (dtype === 'float16') param.grad = ops.aten.coalesce(grad);
  return ops.aten._values(param.grad as Tensor);
}
