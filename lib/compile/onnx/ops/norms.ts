import { full, ones, type Tensor, tensor, zeros } from '../../../tensor/index.ts';
import { affineOf } from '../../graph/affine.ts';
import { Float } from '../attributes.ts';
import { type Converter, type OnnxOp, wideOf } from '../onnx-op.ts';
import { reshaped } from './shapes.ts';

/** The vector at `index`, or one of this number where it is not given. */
function vector(op: OnnxOp, index: number, length: number, missing: 0 | 1): string {
  if (op.has(index)) return op.input(index);
  return op.made(() => full([length], missing, { dtype: op.dtype }));
}

/** Behind the channels of a tensor of this rank. */
const spread = (values: Tensor, rank: number): Tensor =>
  values.reshape([values.numel(), ...Array<number>(rank - 2).fill(1)]);

/** `batch_norm` in evaluation, and `instance_norm` with running statistics. */
const fixedNorm: Converter = (op) => {
  const [mean, variance] = [op.constant(3), op.constant(4)];
  if (mean === null || variance === null) return op.fail('over the statistics of the batch');
  if (op.norms === 'decomposed') return affine(op, mean, variance);
  const channels = mean.numel();
  const own = [vector(op, 1, channels, 1), vector(op, 2, channels, 0), op.input(3), op.input(4)];
  return op.emit('BatchNormalization', [op.input(0), ...own], { epsilon: new Float(op.literal(7, 1e-5)) });
};

export const batchNorm: Converter = (op) =>
  op.literal(5, false) ? op.fail('over the statistics of the batch') : fixedNorm(op);

/** A factor and a term for each channel, computed once in float64. */
function affine(op: OnnxOp, mean: Tensor, variance: Tensor): string {
  const [weight, bias, eps] = [op.constant(1), op.constant(2), op.literal(7, 1e-5)];
  const { scale, shift } = affineOf({ mean, variance, weight, bias, eps });
  const constant = (values: Float64Array) =>
    op.made(() => spread(tensor(values, { dtype: 'float64' }).to({ dtype: op.dtype }), op.rank));
  return op.emit('Add', [op.emit('Mul', [op.input(0), constant(scale)]), constant(shift)]);
}

export const instanceNorm: Converter = (op) => {
  if (!op.literal(5, true)) return fixedNorm(op);
  const channels = op.shape(0)[1] as number;
  const epsilon = op.literal(7, 1e-5);
  if (op.norms === 'ops') {
    const own = [vector(op, 1, channels, 1), vector(op, 2, channels, 0)];
    return op.emit('InstanceNormalization', [op.input(0), ...own], { epsilon: new Float(epsilon) });
  }
  const axes = Array.from({ length: op.rank - 2 }, (_, i) => i + 2);
  return scaled(op, standardised(op, op.input(0), axes, epsilon), (value) => spread(value, op.rank));
};

/** (x - mean) / sqrt(variance + eps) over these dimensions, in float32 at least: squares of float16 overflow at 256. */
function standardised(op: OnnxOp, given: string, axes: readonly number[], eps: number): string {
  const wide = wideOf(op.dtype);
  const x = op.cast(given, op.dtype, wide);
  const mean = op.emit('ReduceMean', [x, op.ints(axes)], { keepdims: 1 });
  const centred = op.emit('Sub', [x, mean]);
  const variance = op.emit('ReduceMean', [op.emit('Mul', [centred, centred]), op.ints(axes)], {
    keepdims: 1,
  });
  const deviation = op.emit('Sqrt', [op.emit('Add', [variance, op.scalar(eps, wide)])]);
  return op.cast(op.emit('Div', [centred, deviation]), wide, op.dtype);
}

/** Times the weight, plus the bias, where there are any: those at `at`. */
function scaled(op: OnnxOp, x: string, shaped: (value: Tensor) => Tensor, at = 1): string {
  const [weight, bias] = [op.constant(at), op.constant(at + 1)];
  const times = weight === null ? x : op.emit('Mul', [x, op.made(() => shaped(weight.detach()))]);
  return bias === null ? times : op.emit('Add', [times, op.made(() => shaped(bias.detach()))]);
}

/** Over the last dimensions. */
export const layerNorm: Converter = (op) => {
  const sizes = op.numbers(1) ?? [];
  const axis = op.rank - sizes.length;
  const eps = op.literal(4, 1e-5);
  if (op.norms === 'decomposed') {
    const axes = sizes.map((_, i) => axis + i);
    return scaled(op, standardised(op, op.input(0), axes, eps), (value) => value, 2);
  }
  const weight = op.has(2) ? op.input(2) : op.made(() => ones(sizes, { dtype: op.dtype }));
  const bias = op.has(3) ? [op.input(3)] : [];
  return op.emit('LayerNormalization', [op.input(0), weight, ...bias], { axis, epsilon: new Float(eps) });
};

/** As instances of groups: `GroupNormalization` differs between opsets, and some runtimes lack it. */
export const groupNorm: Converter = (op) => {
  const [groups, eps] = [op.literal(1, 1), op.literal(4, 1e-5)];
  const each =
    op
      .shape(0)
      .slice(1)
      .reduce((product, size) => product * size, 1) / groups;
  const flat = op.emit('Reshape', [op.input(0), op.ints([-1, groups, each])]);
  const normed =
    op.norms === 'decomposed' ? standardised(op, flat, [2], eps) : instances(op, flat, groups, eps);
  return scaled(op, reshaped(op, normed), (value) => spread(value, op.rank), 2);
};

function instances(op: OnnxOp, x: string, groups: number, eps: number): string {
  const own = [
    op.made(() => ones([groups], { dtype: op.dtype })),
    op.made(() => zeros([groups], { dtype: op.dtype })),
  ];
  return op.emit('InstanceNormalization', [x, ...own], { epsilon: new Float(eps) });
}
