import { scope, type Tensor, zeros } from '../../tensor/index.ts';
import { CompileError } from '../errors.ts';
import { constantsOf, fromNumbers, scaleChannels } from '../graph/affine.ts';
import type { ConvNode, NormPart } from '../graph/graph.ts';
import type { CudaDType } from './plan.ts';

/** The tensor in the plan's dtype; norms were folded before, in float64. */
export function cast(tensor: Tensor, dtype: CudaDType, module: string): Tensor {
  return scope(() => {
    const made = tensor.detach().to(dtype);
    if (dtype === 'float16') checkRange(tensor, made, module);
    return made;
  });
}

function checkRange(before: Tensor, after: Tensor, module: string): void {
  if (after.isfinite().all().item() || !before.isfinite().all().item()) return;
  throw new CompileError(
    `Expected weights within float16's range (65504) for compile dtype "float16", got larger ones in module ` +
      `"${module}" after folding; pass { dtype: 'bfloat16' }`,
    { code: 'ERR_COMPILE_UNSUPPORTED', module },
  );
}

/** The weight with what folded norms multiply it by. */
export function convWeight({ weight, weightScale, site }: ConvNode, dtype: CudaDType): Tensor {
  return scope(() => cast(weightScale ? scaleChannels(weight, weightScale) : weight, dtype, site.module));
}

/** The bias, or zeros: cuDNN's fused ops fill some at every call where none is given. */
export function biasOrZeros(bias: Tensor | null, channels: number, dtype: CudaDType, module: string): Tensor {
  return bias === null ? zeros([channels], { dtype }) : cast(bias, dtype, module);
}

/** What channels that are not normalised by instance get. */
export interface BatchAffine {
  weight: Tensor;
  bias: Tensor;
  mean: Tensor;
  variance: Tensor;
}

/**
 * Scale and shift of the channels outside `[start, end)` as running statistics of mean 0 and variance 1, in float32;
 * null where they change nothing.
 */
export function batchAffine(parts: readonly NormPart[], start: number, end: number): BatchAffine | null {
  const { scale, shift } = constantsOf(parts);
  const outside = (values: Float64Array) => values.filter((_, i) => i < start || i >= end);
  const [own, added] = [outside(scale), outside(shift)];
  if (own.every((value) => value === 1) && added.every((value) => value === 0)) return null;
  const zero = new Float64Array(own.length);
  return {
    weight: fromNumbers(own),
    bias: fromNumbers(added),
    mean: fromNumbers(zero),
    variance: fromNumbers(zero.fill(1)),
  };
}
