import { TorchError } from '../errors.ts';
import { checkPositions, describeValue } from '../options.ts';
import { isGradEnabled, isTensor, noGrad, type Tensor } from '../tensor/index.ts';
import { AutogradFunction } from './function.ts';
import type { FunctionCtx } from './function-ctx.ts';

/** Stands between gradients and whoever differentiates them again. */
class OnceDifferentiable extends AutogradFunction {
  static forward(_ctx: FunctionCtx, ...gradients: (Tensor | null)[]): (Tensor | null)[] {
    return gradients.map((gradient) => gradient?.detach() ?? null);
  }

  static backward(): never {
    throw new TorchError('trying to differentiate twice a function that was marked with onceDifferentiable');
  }
}

/**
 * Makes a backward that cannot be recorded, as torch.autograd.function.once_differentiable: with `createGraph` it runs without
 * recording, and differentiating its results again throws instead of giving wrong numbers.
 *
 * @example
 * class Square extends autograd.Function {
 *   static forward(ctx: autograd.FunctionCtx<[Tensor]>, x: Tensor) {
 *     ctx.saveForBackward(x);
 *     return x.mul(x);
 *   }
 *   static backward = autograd.onceDifferentiable((ctx: autograd.FunctionCtx<[Tensor]>, gradOutput: Tensor) =>
 *     ctx.savedTensors[0].mul(2).mul(gradOutput),
 *   );
 * }
 */
// biome-ignore lint/suspicious/noExplicitAny: a context may have properties of its own
export function onceDifferentiable<C extends FunctionCtx<any>, G extends unknown[], R>(
  backward: (ctx: C, ...gradOutputs: G) => R,
): (ctx: C, ...gradOutputs: G) => R {
  checkPositions('onceDifferentiable', arguments, 1);
  if (typeof backward !== 'function') {
    throw new TypeError(`Expected a function for onceDifferentiable, got ${describeValue(backward)}`);
  }
  return function (this: unknown, ctx: C, ...gradOutputs: G): R {
    const result = noGrad(() => backward.call(this, ctx, ...gradOutputs));
    const isRecorded = isGradEnabled() && gradOutputs.some((value) => isTensor(value) && value.requiresGrad);
    return isRecorded ? refuseAgain(result) : result;
  };
}

function refuseAgain<R>(result: R): R {
  const gradients = (Array.isArray(result) ? result : [result]) as (Tensor | null | undefined)[];
  const inputs = gradients.map((gradient) => gradient?.detach().requiresGrad_() ?? null);
  const outputs = OnceDifferentiable.apply(...inputs);
  return (Array.isArray(result) ? outputs : outputs[0]) as R;
}
