import { type DType, isFloatingPoint } from '../../../tensor/index.ts';
import { type Attributes, Float } from '../attributes.ts';
import type { Converter, OnnxOp } from '../onnx-op.ts';

/** The tensor or number at `index` in that dtype. */
export function operand(op: OnnxOp, index: number, dtype: DType): string {
  const arg = op.arg(index);
  if (arg?.kind !== 'literal') return op.inputAs(index, dtype);
  const { value } = arg;
  return typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint'
    ? op.scalar(Number(value), dtype)
    : op.fail('with such a number');
}

/** One tensor through a node of one input. */
export const unary =
  (type: string, attributes: Attributes = {}): Converter =>
  (op) =>
    op.emit(type, [op.inputAs(0, op.result.dtype)], attributes);

/** Two tensors, or one and a number, in the result's dtype. */
export const binary =
  (type: string): Converter =>
  (op) =>
    op.emit(type, [operand(op, 0, op.result.dtype), operand(op, 1, op.result.dtype)]);

/** What two operands are compared in. */
function compared(op: OnnxOp): DType {
  const dtypes = [op.dtypeOf(op.arg(0)), op.dtypeOf(op.arg(1))].filter((dtype) => dtype !== undefined);
  const [first = 'float32'] = dtypes;
  const number = op.arg(1)?.kind === 'literal' ? op.literal<unknown>(1, 0) : 0;
  if (!isFloatingPoint(first) && typeof number === 'number' && !Number.isInteger(number)) return 'float32';
  return dtypes.find((dtype) => isFloatingPoint(dtype)) ?? first;
}

export const comparison =
  (type: string, negated = false): Converter =>
  (op) => {
    const dtype = compared(op);
    const made = op.emit(type, [operand(op, 0, dtype), operand(op, 1, dtype)]);
    return negated ? op.emit('Not', [made]) : made;
  };

export const logical =
  (type: string): Converter =>
  (op) =>
    op.emit(type, [operand(op, 0, 'bool'), operand(op, 1, 'bool')]);

/** `alpha`, a factor of the second. */
function scaled(op: OnnxOp, value: string): string {
  const alpha = op.literal(2, 1);
  return alpha === 1 ? value : op.emit('Mul', [value, op.scalar(alpha, op.result.dtype)]);
}

export const add: Converter = (op) => {
  const { dtype } = op.result;
  return op.emit('Add', [operand(op, 0, dtype), scaled(op, operand(op, 1, dtype))]);
};

export const sub: Converter = (op) => {
  const { dtype } = op.result;
  return op.emit('Sub', [operand(op, 0, dtype), scaled(op, operand(op, 1, dtype))]);
};

export const rsub: Converter = (op) => {
  const { dtype } = op.result;
  return op.emit('Sub', [operand(op, 1, dtype), scaled(op, operand(op, 0, dtype))]);
};

export const div: Converter = (op) => {
  const mode = op.literal<string | null>(2, null);
  const { dtype } = op.result;
  if (mode !== null && (mode !== 'floor' || !isFloatingPoint(dtype))) return op.fail('with such rounding');
  const made = binary('Div')(op) as string;
  return mode === null ? made : op.emit('Floor', [made]);
};

/** Between two numbers, or tensors. */
export const clamp: Converter = (op) => {
  const { dtype } = op.result;
  const bounds = [1, 2].map((at) => (op.has(at) ? operand(op, at, dtype) : ''));
  if (op.op.overload !== 'Tensor') return op.emit('Clip', [op.inputAs(0, dtype), ...bounds]);
  const low =
    bounds[0] === '' ? op.inputAs(0, dtype) : op.emit('Max', [op.inputAs(0, dtype), bounds[0] as string]);
  return bounds[1] === '' ? low : op.emit('Min', [low, bounds[1] as string]);
};

export const clampAt =
  (side: 'Max' | 'Min'): Converter =>
  (op) =>
    op.emit(side, [op.inputAs(0, op.result.dtype), operand(op, 1, op.result.dtype)]);

/** Between fixed numbers, or those at 1 and 2. */
export const bounded =
  (least: number, most: number): Converter =>
  (op) =>
    op.emit('Clip', [op.input(0), op.scalar(op.literal(1, least)), op.scalar(op.literal(2, most))]);

export const relu6: Converter = (op) => op.emit('Clip', [op.input(0), op.scalar(0), op.scalar(6)]);

export const where: Converter = (op) => {
  const { dtype } = op.result;
  return op.emit('Where', [op.inputAs(0, 'bool'), operand(op, 1, dtype), operand(op, 2, dtype)]);
};

export const maskedFill: Converter = (op) => {
  const { dtype } = op.result;
  return op.emit('Where', [op.inputAs(1, 'bool'), operand(op, 2, dtype), op.inputAs(0, dtype)]);
};

/** A number over the tensor, and the like, of one input. */
export const composed =
  (make: (op: OnnxOp, x: string) => string): Converter =>
  (op) =>
    make(op, op.inputAs(0, op.result.dtype));

/** A float attribute for each position. */
export const withFloats =
  (type: string, names: Readonly<Record<string, readonly [at: number, missing: number]>>): Converter =>
  (op) => {
    const floats = Object.entries(names).map(([name, [at, missing]]) => [
      name,
      new Float(op.literal(at, missing)),
    ]);
    return op.emit(type, [op.input(0)], Object.fromEntries(floats));
  };
