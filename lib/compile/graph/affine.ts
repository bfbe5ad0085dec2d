import { scope, type Tensor, tensor } from '../../tensor/index.ts';
import type { NormPart } from './graph.ts';

/** float32 on the CPU and contiguous, without gradient; the same memory where nothing has to change. */
export function toFloat32(value: Tensor): Tensor {
  return scope(() => value.detach().to({ dtype: 'float32', device: 'cpu' }).contiguous());
}

/** The elements as float64. */
export function toNumbers(value: Tensor): Float64Array {
  return scope(() => value.detach().to({ dtype: 'float64', device: 'cpu' }).data() as Float64Array);
}

/** A float32 tensor (n). */
export function fromNumbers(values: Float64Array): Tensor {
  return tensor(Float32Array.from(values));
}

/** The weight with its output channels times `scale` (float64), computed in float64 and rounded once. */
export function scaleChannels(weight: Tensor, scale: Tensor): Tensor {
  return scope(() => {
    const factors = scale.reshape([-1, ...weight.shape.slice(1).fill(1)]);
    return weight.to('float64').mul(factors).to('float32').contiguous();
  });
}

/** Scale and shift that stand for a normalisation with fixed statistics; null is 1 for weight, 0 for bias. */
export function affineOf(norm: {
  mean: Tensor;
  variance: Tensor;
  weight: Tensor | null;
  bias: Tensor | null;
  eps: number;
}): { scale: Float64Array; shift: Float64Array } {
  const [mean, variance] = [toNumbers(norm.mean), toNumbers(norm.variance)];
  const weight = norm.weight === null ? undefined : toNumbers(norm.weight);
  const bias = norm.bias === null ? undefined : toNumbers(norm.bias);
  const scale = variance.map((value, i) => (weight?.[i] ?? 1) / Math.sqrt(value + norm.eps));
  const shift = mean.map((value, i) => (bias?.[i] ?? 0) - value * (scale[i] as number));
  return { scale, shift };
}

/** Scale and shift of all channels, 1 and 0 where a part takes none. */
export function constantsOf(parts: readonly NormPart[]): { scale: Float64Array; shift: Float64Array } {
  const channels = parts.reduce((sum, part) => sum + part.channels, 0);
  const [scale, shift] = [new Float64Array(channels).fill(1), new Float64Array(channels)];
  let from = 0;
  for (const part of parts) {
    if (part.kind === 'constant' && part.affine !== null) {
      scale.set(part.affine.scale, from);
      shift.set(part.affine.shift, from);
    }
    from += part.channels;
  }
  return { scale, shift };
}
