import { type FunctionCtx, Function as OwnDerivative } from '../../autograd/index.ts';
import { ops, type Tensor } from '../../tensor/index.ts';
import type { LocalResponseNormOptions } from './normalization.ts';

/** What CrossMapLRN2d is made with. */
export type CrossMapLRNValues = Required<LocalResponseNormOptions> & { size: number };

/** Sums over `size` channels, of which the first is `before` channels back: (N, C, H, W). */
function windowSums(x: Tensor, size: number, before: number): Tensor {
  const padded = ops.aten.constant_pad_nd(x, [0, 0, 0, 0, before, size - 1 - before]);
  return padded.unfold(1, size, 1).sum([-1]);
}

interface Context extends FunctionCtx<[x: Tensor, y: Tensor, scale: Tensor]> {
  values: CrossMapLRNValues;
}

/**
 * As torch/nn/modules/_functions.py (2.13): the running sum never gives back the first channel, so that its square is in all
 * windows, and windows are one channel smaller for even sizes. Backward knows neither, and its windows lie one channel lower.
 */
class CrossMapLRN2d extends OwnDerivative {
  static forward(ctx: Context, x: Tensor, values: CrossMapLRNValues): Tensor {
    const { size, alpha, beta, k } = values;
    const reach = Math.trunc((size - 1) / 2);
    const squares = x.mul(x);
    const sums = windowSums(squares, 2 * reach + 1, reach);
    const behind = x.shape[1] as number;
    if (behind > reach + 1) {
      sums.narrow(1, reach + 1, behind - reach - 1).add_(squares.narrow(1, 0, 1));
    }
    const scale = sums.mul_(alpha / size).add_(k);
    const y = scale.pow(-beta).mul_(x);
    ctx.values = values;
    ctx.saveForBackward(x, y, scale);
    return y;
  }

  static backward(ctx: Context, gradOutput: Tensor): (Tensor | null)[] {
    const [x, y, scale] = ctx.savedTensors;
    const { size, alpha, beta } = ctx.values;
    const before = Math.min(Math.trunc(size - (size - 1) / 2), size - 1);
    const ratios = windowSums(gradOutput.mul(y).div(scale), size, before);
    const factor = (2 * alpha * beta) / size;
    return [scale.pow(-beta).mul(gradOutput).sub(x.mul(ratios).mul(factor)), null];
  }
}

/** @throws RangeError for what is not (N, C, H, W). */
export function crossMapLrn2d(x: Tensor, values: CrossMapLRNValues): Tensor {
  if (x.dim() === 4) return CrossMapLRN2d.apply(x, values);
  throw new RangeError(`Expected 4 dimensions for CrossMapLRN2d, got shape [${x.shape}]`);
}
