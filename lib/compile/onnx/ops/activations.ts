import { Float } from '../attributes.ts';
import type { Converter, OnnxOp } from '../onnx-op.ts';
import { composed } from './elementwise.ts';

const times = (op: OnnxOp, x: string, factor: number): string => op.emit('Mul', [x, op.scalar(factor)]);
const plus = (op: OnnxOp, x: string, other: number): string => op.emit('Add', [x, op.scalar(other)]);

/** x times the normal distribution's function, exact or by a tangent; Gelu itself came with opset 20 only. */
export const gelu: Converter = (op) => {
  const x = op.input(0);
  const inner =
    op.literal<string>(1, 'none') === 'tanh' ? tangent(op, x) : op.emit('Erf', [times(op, x, Math.SQRT1_2)]);
  return op.emit('Mul', [times(op, x, 0.5), plus(op, inner, 1)]);
};

function tangent(op: OnnxOp, x: string): string {
  const cube = op.emit('Mul', [op.emit('Mul', [x, x]), x]);
  const sum = op.emit('Add', [x, times(op, cube, 0.044715)]);
  return op.emit('Tanh', [times(op, sum, Math.sqrt(2 / Math.PI))]);
}

export const silu: Converter = composed((op, x) => op.emit('Mul', [x, op.emit('Sigmoid', [x])]));

/** log(1 + e^(beta x)) / beta; past the threshold, where libtorch gives x, the two differ by less than float32 tells. */
export const softplus: Converter = composed((op, x) => {
  const beta = op.literal(1, 1);
  if (op.literal(2, 20) < 20) return op.fail('with a threshold below 20');
  return beta === 1
    ? op.emit('Softplus', [x])
    : times(op, op.emit('Softplus', [times(op, x, beta)]), 1 / beta);
});

export const logSigmoid: Converter = composed((op, x) =>
  op.emit('Neg', [op.emit('Softplus', [op.emit('Neg', [x])])]),
);

export const hardsigmoid: Converter = (op) =>
  op.emit('HardSigmoid', [op.input(0)], { alpha: new Float(1 / 6), beta: new Float(0.5) });

export const elu: Converter = (op) => {
  if (op.literal(2, 1) !== 1 || op.literal(3, 1) !== 1) return op.fail('with scales');
  return op.emit('Elu', [op.input(0)], { alpha: new Float(op.literal(1, 1)) });
};

/** A slope for each channel, or one. */
export const prelu: Converter = (op) => {
  const weight = op.constant(1);
  if (weight === null || weight.numel() === 1 || op.rank <= 2)
    return op.emit('PRelu', [op.input(0), op.input(1)]);
  const shape = [weight.numel(), ...op.shape(0).slice(2).fill(1)];
  return op.emit('PRelu', [op.input(0), op.made(() => weight.detach().reshape(shape))]);
};

/** Along one dimension. */
export const softmax =
  (type: 'Softmax' | 'LogSoftmax'): Converter =>
  (op) =>
    op.emit(type, [op.inputAs(0, op.result.dtype)], { axis: op.dim(1) });
