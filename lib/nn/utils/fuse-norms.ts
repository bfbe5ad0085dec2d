import { checkFlag, checkPositions } from '../../options.ts';
import type { Fusable } from '../fused-norms.ts';
import { BatchNorm2d, InstanceNorm2d } from '../layers/norm.ts';
import { checkModule } from '../module/check-module.ts';
import type { Module } from '../module/module.ts';

/**
 * Has the norms of a model (`BatchNorm2d`, `InstanceNorm2d`, the IBN layers) run as one op each on the CPU, forward and
 * backward: statistics in one pass over a map and the result in another, with the ReLU and the addition of a residual block in
 * it, contiguous or channels_last, in float32 and bfloat16. Training is faster and keeps no masks or copies of halves. Results
 * are those of the separate ops within rounding, no longer bit for bit PyTorch's, so it is asked for. Changes `module` itself,
 * and whatever is cloned of it; CUDA's kernels need no asking.
 *
 * @param fuse False: back to separate ops. Default true.
 * @throws RangeError for a module without such norms.
 * @example
 * const model = nn.utils.fuseNorms(models.resnet18_ibn_a({ numClasses: 4 }));
 */
export function fuseNorms<M extends Module>(module: M, fuse = true): M {
  checkPositions('fuseNorms', arguments, 2);
  checkModule('fuseNorms', 'module', module);
  checkFlag('fuseNorms argument "fuse"', fuse);
  const norms = [...module.modules()].filter(isFusable);
  if (norms.length === 0) {
    throw new RangeError(
      `Expected a module with BatchNorm2d or InstanceNorm2d for fuseNorms, got ${module.constructor.name} without`,
    );
  }
  for (const norm of norms) norm.fused = fuse;
  return module;
}

function isFusable(module: Module): module is Module & Fusable {
  return module instanceof BatchNorm2d || module instanceof InstanceNorm2d || 'normParts' in module;
}
