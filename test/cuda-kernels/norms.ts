import { IBN, IBN_d } from '../../lib/models/blocks/ibn.ts';
import { DenseIBN } from '../../lib/models/networks/densenet-ibn.ts';
import { type FusedOptions, fusedNorm, withFusedNorms } from '../../lib/nn/ibn-ops.ts';
import { InstanceNorm2d, type Module } from '../../lib/nn/index.ts';
import { type DType, ops, randn, type Tensor } from '../../lib/tensor/index.ts';

type Norm = (IBN | DenseIBN | IBN_d | InstanceNorm2d) & { forward(x: Tensor): Tensor };

/** A layer of each kind: whole channels, odd ones, either end alone, the rest left as it is. */
export const norms: Record<string, () => Norm> = {
  'IBN(32)': () => new IBN(32),
  'IBN(10, 0.4)': () => new IBN(10, 0.4),
  'IBN(8, 0)': () => new IBN(8, 0),
  'IBN(8, 1)': () => new IBN(8, 1),
  'DenseIBN(32)': () => new DenseIBN(32),
  'DenseIBN(13, 0.3)': () => new DenseIBN(13, 0.3),
  'IBN_d(16)': () => new IBN_d(16),
  'InstanceNorm2d(6)': () => new InstanceNorm2d(6, { affine: true }),
};

/** The channels that a layer takes. */
export function channelsOf(norm: Norm): number {
  return 'normParts' in norm ? norm.normParts().channels : norm.numFeatures;
}

/** Gives a layer parameters and statistics that are not those of a new one. */
export function shake(norm: Module): void {
  for (const [name, value] of [...norm.namedParameters(), ...norm.namedBuffers()]) {
    if (value.dtype === 'int64') continue;
    const noise = randn(value.shape, { device: value.device });
    value.detach().copy_(name.endsWith('weight') || name.endsWith('var') ? noise.abs().add(0.5) : noise);
  }
}

/** A copy of `norm` in float64, made by `make`. */
export function exactCopy(norm: Norm, make: () => Norm): Norm {
  const copy = make().to({ dtype: 'float64', device: norm.parameters()[0]?.device ?? 'cpu' });
  copy.loadStateDict(norm.stateDict());
  copy.train(norm.training);
  return copy;
}

export interface Results {
  output: Tensor;
  grads: Map<string, Tensor>;
}

const gradsOf = (norm: Module): [string, Tensor][] =>
  norm.namedParameters().map(([name, parameter]) => [name, parameter.grad as Tensor]);

/** The fused op and its gradients, whatever the device. */
export function runFused(
  norm: Norm,
  x: Tensor,
  { residual = null, relu = false }: FusedOptions,
  g: Tensor,
): Results {
  const inputs = [x, ...(residual ? [residual] : [])].map((tensor) => tensor.detach().requiresGrad_());
  const [input, added = null] = inputs as [Tensor, Tensor?];
  const output = withFusedNorms('always', () => fusedNorm(input, norm, { residual: added, relu })) as Tensor;
  output.backward(g);
  const grads = new Map(gradsOf(norm));
  grads.set('x', input.grad as Tensor);
  if (added) grads.set('residual', added.grad as Tensor);
  return { output: output.detach(), grads };
}

/**
 * The same by the layers' own ops in float64, from the rounded sum. The ReLU lets through what it let through in
 * `output`: near zero the dtypes disagree, rightly.
 */
export function runExact(
  norm: Norm,
  x: Tensor,
  { residual = null, relu = false }: FusedOptions,
  g: Tensor,
  output: Tensor,
): Results {
  const sum = residual ? x.add(residual) : x;
  const z = sum.detach().to('float64').requiresGrad_();
  const y = withFusedNorms('never', () => norm.forward(z));
  const mask = relu ? ops.aten.gt(output, 0) : null;
  // One sample's channels_last gradient libtorch 2.13's instance_norm on the CPU takes for a contiguous one.
  const gradient = g.to('float64').contiguous();
  y.backward(mask ? gradient.mul(mask) : gradient);
  const grads = new Map(gradsOf(norm));
  grads.set('x', z.grad as Tensor);
  if (residual) grads.set('residual', z.grad as Tensor);
  return { output: (relu ? y.relu() : y).detach(), grads };
}

/** By dtype of the input: the results differ from float64 by their own rounding, and float32's sums. */
export const tolerances: Record<string, { rtol: number; atol: number }> = {
  float32: { rtol: 2e-5, atol: 2e-5 },
  float16: { rtol: 2e-3, atol: 2e-3 },
  bfloat16: { rtol: 1.6e-2, atol: 1.6e-2 },
} satisfies Partial<Record<DType, object>>;
