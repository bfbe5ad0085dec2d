import { ops as untypedOps, unwrap } from '../ops/index.ts';
import { noGrad } from './gradients/modes.ts';
import { native } from './native.ts';
import type { Tensor } from './tensor.ts';

/**
 * Copies each source into the target at its place, without recording it for autograd. Faster than one `copy_` after
 * the other where there are many: bytes are copied by several threads, and the rest (other dtypes, layouts, devices,
 * memory that overlaps) by `copy_`.
 */
export function copyAll(targets: readonly Tensor[], sources: readonly Tensor[]): void {
  const rest = native.copyTensors(targets.map(unwrap), sources.map(unwrap));
  if (rest.length === 0) return;
  const pick = (tensors: readonly Tensor[]) => rest.map((index) => tensors[index] as Tensor);
  noGrad(() => untypedOps.aten._foreach_copy_(pick(targets), pick(sources)));
}

/**
 * The indices of the pairs where the target may have the source's memory in place of its own with the same outcome as
 * copying: dtype, device, sizes and strides are the same, no other tensor has the source's memory, and none of the
 * targets and of those `owned` beside them has the target's.
 */
export function exclusivePairs(
  targets: readonly Tensor[],
  sources: readonly Tensor[],
  owned: readonly Tensor[],
): number[] {
  return native.exclusivePairs(targets.map(unwrap), sources.map(unwrap), owned.map(unwrap));
}
