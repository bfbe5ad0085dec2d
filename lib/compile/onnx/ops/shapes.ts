import type { TraceArg, TraceValue } from '../../trace/types.ts';
import type { Converter, OnnxOp } from '../onnx-op.ts';
import { swapped } from './products.ts';

/** Behind the end of any dimension, for `Slice`. */
const END = 2 ** 31 - 1;

/** Sizes for `Reshape`; -1 is the one that follows the batch. */
function sizesOf(op: OnnxOp, { shape, factors }: TraceValue): number[] {
  const growing = factors.filter((factor) => factor !== 0).length;
  if (growing > 1) return op.fail('to a shape of which several sizes follow the batch');
  return shape.map((size, i) => (factors[i] === 0 ? size : -1));
}

/** A value with the shape of the op's result. */
export const reshaped = (op: OnnxOp, input: string, result: TraceValue = op.result): string =>
  op.emit('Reshape', [input, op.ints(sizesOf(op, result))]);

export const same: Converter = (op) => op.input(0);

/** Elements in the same order. */
export const reshape: Converter = (op) =>
  op.result.shape.join() === op.shape(0).join() && op.result.factors.join() === op.factors(0).join()
    ? op.input(0)
    : reshaped(op, op.input(0));

export const toDType: Converter = (op) => op.inputAs(0, op.result.dtype);

export const dropout: Converter = (op) => (op.literal(2, false) ? op.fail('in training mode') : op.input(0));

export const unsqueeze: Converter = (op) =>
  op.emit('Unsqueeze', [op.input(0), op.ints([op.dim(1, 0, op.rank + 1)])]);

/** Of dimensions that are given, those of size one; of all, as the trace saw them. */
export const squeeze: Converter = (op) => {
  const dims = op.dims(1) ?? op.shape(0).map((_, i) => i);
  const axes = dims.filter((dim) => op.shape(0)[dim] === 1 && op.factors(0)[dim] === 0);
  return axes.length === 0 ? op.input(0) : op.emit('Squeeze', [op.input(0), op.ints(axes)]);
};

export const permute: Converter = (op) =>
  op.emit('Transpose', [op.input(0)], { perm: op.dims(1) ?? op.fail('without an order') });

export const transpose: Converter = (op) => transposed(op, op.dim(1), op.dim(2));

export const turn: Converter = (op) => (op.rank < 2 ? op.input(0) : transposed(op, 0, 1));

const transposed = (op: OnnxOp, a: number, b: number): string =>
  op.emit('Transpose', [op.input(0)], { perm: swapped(op.rank, a, b) });

/** Sizes of one, repeated. */
export const expand: Converter = (op) => {
  const { shape, factors } = op.result;
  const missing = shape.length - op.rank;
  const from = [...Array<number>(missing).fill(1), ...op.shape(0)];
  const sizes = shape.map((size, i) => {
    if (from[i] === size) return 1;
    return factors[i] === 0 ? size : op.fail('to sizes that follow the batch');
  });
  return op.emit('Expand', [op.input(0), op.ints(sizes)]);
};

export const repeat: Converter = (op) => {
  const counts = op.numbers(1) ?? [];
  return counts.length === op.rank
    ? op.emit('Tile', [op.input(0), op.ints(counts)])
    : op.fail('to more dimensions');
};

const concat = (op: OnnxOp, inputs: string[], axis: number): string =>
  inputs.length === 1 ? (inputs[0] as string) : op.emit('Concat', inputs, { axis });

/** The tensors of the list at 0, in the result's dtype. */
function listed(op: OnnxOp): string[] {
  const items = op.inputs(0).filter((item) => !isEmptyVector(op, item));
  return items.map((item) => op.cast(op.inputOf(item), op.dtypeOf(item), op.result.dtype));
}

const isEmptyVector = (op: OnnxOp, item: TraceArg): boolean => op.shapeOf(item).join() === '0';

export const cat: Converter = (op) => concat(op, listed(op), op.dim(1, 0, op.result.shape.length));

export const stack: Converter = (op) => {
  const axis = op.dim(1, 0, op.result.shape.length);
  return concat(
    op,
    listed(op).map((item) => op.emit('Unsqueeze', [item, op.ints([axis])])),
    axis,
  );
};

function parts(op: OnnxOp, axis: number, sizes: readonly number[]): string[] {
  if (op.factors(0)[axis] !== 0) return op.fail('along the batch');
  return sizes.length === 1
    ? [op.input(0)]
    : op.emitMany('Split', [op.input(0), op.ints(sizes)], { axis }, sizes.length);
}

/** split, split_with_sizes, chunk: the sizes are those of the results. */
export const split: Converter = (op) => {
  const axis = op.dim(2);
  return parts(
    op,
    axis,
    op.results.map(({ shape }) => shape[axis] as number),
  );
};

export const unbind: Converter = (op) => {
  const axis = op.dim(1);
  const axes = op.ints([axis]);
  return parts(
    op,
    axis,
    op.results.map(() => 1),
  ).map((part) => op.emit('Squeeze', [part, axes]));
};

/** From the front where the size is fixed; before the front is the front, which ONNX would count from the end again. */
function place(op: OnnxOp, axis: number, index: number): number {
  const isFixed = op.factors(0)[axis] === 0;
  return index < 0 && isFixed ? Math.max(0, index + (op.shape(0)[axis] as number)) : index;
}

export const select: Converter = (op) => {
  const axis = op.dim(1);
  const index = op.graph.numbers([place(op, axis, op.literal(2, 0))], 'int64', []);
  return op.emit('Gather', [op.input(0), index], { axis });
};

function range(op: OnnxOp, axis: number, start: number, end: number, step: number): string {
  const size = op.factors(0)[axis] === 0 ? (op.shape(0)[axis] as number) : undefined;
  if (start === 0 && step === 1 && end >= (size ?? END)) return op.input(0);
  const last = Math.min(end, size ?? END);
  return op.emit('Slice', [op.input(0), ...[[start], [last], [axis], [step]].map((value) => op.ints(value))]);
}

export const slice: Converter = (op) => {
  const axis = op.dim(1);
  const start = place(op, axis, op.literal<number | null>(2, null) ?? 0);
  return range(op, axis, start, place(op, axis, op.literal<number | null>(3, null) ?? END), op.literal(4, 1));
};

export const narrow: Converter = (op) => {
  const axis = op.dim(1);
  const start = place(op, axis, op.literal(2, 0));
  return range(op, axis, start, start + op.literal(3, 0), 1);
};

export const flip: Converter = (op) => {
  const dims = op.dims(1) ?? [];
  const all = (value: number) => op.ints(dims.map(() => value));
  return op.emit('Slice', [op.input(0), all(-1), all(-(2 ** 31)), op.ints(dims), all(-1)]);
};

export const indexSelect: Converter = (op) =>
  op.emit('Gather', [op.input(0), op.inputAs(2, 'int64')], { axis: op.dim(1) });

/** torch counts from the last dimension, ONNX all fronts before all ends. */
export const pad =
  (mode: 'constant' | 'reflect' | 'edge'): Converter =>
  (op) => {
    const given = op.numbers(1) ?? [];
    const [front, end] = [0, 1].map((side) =>
      op.shape(0).map((_, dim) => given[2 * (op.rank - 1 - dim) + side] ?? 0),
    ) as [number[], number[]];
    const value = mode === 'constant' ? [op.scalar(op.literal<number | null>(2, null) ?? 0)] : [];
    return op.emit('Pad', [op.input(0), op.ints([...front, ...end]), ...value], { mode });
  };

export const pixelShuffle: Converter = (op) =>
  op.rank === 4
    ? op.emit('DepthToSpace', [op.input(0)], { blocksize: op.literal(1, 1), mode: 'CRD' })
    : op.fail('on something other than a map (N, C, H, W)');

/** Channels of groups, in turn. */
export const channelShuffle: Converter = (op) => {
  const groups = op.literal(1, 1);
  const [, channels = 0, ...sizes] = op.shape(0);
  const apart = op.emit('Reshape', [op.input(0), op.ints([-1, groups, channels / groups, ...sizes])]);
  const turned = op.emit('Transpose', [apart], { perm: swapped(op.rank + 1, 1, 2) });
  return reshaped(op, turned);
};
