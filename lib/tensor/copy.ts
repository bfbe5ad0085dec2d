import { ops as untypedOps, unwrap } from '../ops/index.ts';
import { noGrad } from './modes.ts';
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
