import { Float } from '../attributes.ts';
import type { Converter, OnnxOp } from '../onnx-op.ts';

/** A linear layer; on vectors it is one Gemm. */
export const linear: Converter = (op) => {
  const bias = op.has(2) ? [op.input(2)] : [];
  if (op.rank === 2) return op.emit('Gemm', [op.input(0), op.input(1), ...bias], { transB: 1 });
  const weight = op.constant(1);
  const turned = weight === null ? op.fail('without a weight') : op.made(() => weight.detach().t());
  const product = op.emit('MatMul', [op.input(0), turned]);
  return bias.length === 0 ? product : op.emit('Add', [product, ...bias]);
};

/** beta times the first, plus alpha times the product of the others. */
export const addmm: Converter = (op) =>
  op.emit('Gemm', [op.input(1), op.input(2), op.input(0)], {
    beta: new Float(op.literal(3, 1)),
    alpha: new Float(op.literal(4, 1)),
  });

export const matmul: Converter = (op) => op.emit('MatMul', [op.input(0), op.input(1)]);

/** softmax(q k' / sqrt(d)) v; `Attention` came with opset 23 only. */
export const attention: Converter = (op) => {
  if (op.has(3) || op.literal(5, false) || op.literal(7, false))
    return op.fail('with a mask, causal or in groups');
  if (op.literal(4, 0) !== 0) return op.fail('with dropout');
  const rank = op.rank;
  const scale = op.literal<number | null>(6, null) ?? 1 / Math.sqrt(op.shape(0)[rank - 1] as number);
  const perm = swapped(rank, rank - 2, rank - 1);
  const scores = op.emit('MatMul', [op.input(0), op.emit('Transpose', [op.input(1)], { perm })]);
  return op.emit('MatMul', [weights(op, scores, scale), op.input(2)]);
};

const weights = (op: OnnxOp, scores: string, scale: number): string =>
  op.emit('Softmax', [op.emit('Mul', [scores, op.scalar(scale)])], { axis: -1 });

/** The order of the dimensions with two of them exchanged. */
export function swapped(rank: number, a: number, b: number): number[] {
  return Array.from({ length: rank }, (_, i) => (i === a ? b : i === b ? a : i));
}
