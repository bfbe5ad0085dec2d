import type { Attributes } from '../attributes.ts';
import { type Converter, type OnnxOp, wideOf } from '../onnx-op.ts';

/** Over dimensions; all where none are given. */
export function reduced(
  op: OnnxOp,
  type: string,
  input: string,
  dims: readonly number[] | undefined,
  keep: boolean,
): string {
  const axes = dims ?? op.shape(0).map((_, i) => i);
  const attributes: Attributes = { keepdims: keep ? 1 : 0 };
  return axes.length === 0 ? input : op.emit(type, [input, op.ints(axes)], attributes);
}

/** `x.mean(dim, keepdim)`, or of all elements. */
export const reduction =
  (type: string): Converter =>
  (op) => {
    const isWhole = op.op.overload === '' && /::(mean|sum)$/.test(op.op.name);
    const keep = isWhole ? false : op.literal(2, false);
    return reduced(op, type, op.inputAs(0, op.result.dtype), isWhole ? undefined : op.dims(1), keep);
  };

/** max and min: of two tensors, of all, or along a dimension with the places. */
export const extreme =
  (type: 'Max' | 'Min'): Converter =>
  (op) => {
    if (op.op.overload === 'other')
      return op.emit(type, [op.inputAs(0, op.result.dtype), op.inputAs(1, op.result.dtype)]);
    const keep = op.literal(2, false);
    if (op.op.overload !== 'dim') return reduced(op, `Reduce${type}`, op.input(0), undefined, false);
    const axis = op.dim(1);
    const values = reduced(op, `Reduce${type}`, op.input(0), [axis], keep);
    return [values, op.emit(`Arg${type}`, [op.input(0)], { axis, keepdims: keep ? 1 : 0 })];
  };

export const place =
  (type: 'ArgMax' | 'ArgMin'): Converter =>
  (op) => {
    if (!op.has(1)) return op.fail('of all elements');
    return op.emit(type, [op.input(0)], { axis: op.dim(1), keepdims: op.literal(2, false) ? 1 : 0 });
  };

/** Length of vectors: of absolute values, squares, or the largest. */
export const norm: Converter = (op) => {
  const order = op.literal<number | null>(1, 2) ?? 2;
  const type = { 1: 'ReduceL1', 2: 'ReduceL2' }[order];
  const [dims, keep] = [op.dims(2), op.literal(3, false)];
  const x = op.inputAs(0, op.result.dtype);
  if (type !== undefined) return reduced(op, type, x, dims, keep);
  return order === Infinity
    ? reduced(op, 'ReduceMax', op.emit('Abs', [x]), dims, keep)
    : op.fail(`of order ${order}`);
};

/** var and std over dimensions. */
export const variance =
  (root: boolean): Converter =>
  (op) => {
    if (op.op.overload !== 'correction') return op.fail('in this form');
    const dims = op.dims(1) ?? op.shape(0).map((_, i) => i);
    if (dims.some((dim) => op.factors(0)[dim] !== 0)) return op.fail('over the batch');
    const count = dims.reduce((product, dim) => product * (op.shape(0)[dim] as number), 1);
    const wide = wideOf(op.dtype);
    const x = op.inputAs(0, wide);
    const centred = op.emit('Sub', [x, reduced(op, 'ReduceMean', x, dims, true)]);
    const sum = reduced(op, 'ReduceSumSquare', centred, dims, op.literal(3, false));
    const correction = op.literal<number | null>(2, null) ?? 1;
    const value = op.emit('Div', [sum, op.scalar(Math.max(0, count - correction), wide)]);
    return op.cast(root ? op.emit('Sqrt', [value]) : value, wide, op.dtype);
  };

export const cumsum: Converter = (op) =>
  op.emit('CumSum', [op.inputAs(0, op.result.dtype), op.graph.numbers([op.dim(1)], 'int64', [])]);
