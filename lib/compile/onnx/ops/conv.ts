import type { Converter, OnnxOp } from '../onnx-op.ts';

/** ONNX pads the front of all dimensions, then the end. */
export const pads = (padding: readonly number[]): number[] => [...padding, ...padding];

function checkBatched(op: OnnxOp, sides: number): void {
  if (op.rank !== sides + 2) op.fail('on an image without a batch');
}

/** What is added at the borders: numbers, or `same`, whose odd one is at the end. */
function padding(op: OnnxOp, sides: number, dilation: readonly number[]): number[] {
  const arg = op.arg(4);
  const text = arg?.kind === 'literal' && typeof arg.value === 'string' ? arg.value : undefined;
  if (text === undefined) return pads(op.numbers(4, sides) ?? Array<number>(sides).fill(0));
  const total = op
    .shape(1)
    .slice(2)
    .map((size, i) => (text === 'same' ? (dilation[i] ?? 1) * (size - 1) : 0));
  return [...total.map((size) => Math.floor(size / 2)), ...total.map((size) => Math.ceil(size / 2))];
}

const tensors = (op: OnnxOp): string[] => [op.input(0), op.input(1), ...(op.has(2) ? [op.input(2)] : [])];

/** conv1d, conv2d, conv3d. */
export const conv =
  (sides: number): Converter =>
  (op) => {
    checkBatched(op, sides);
    const dilations = op.numbers(5, sides) ?? Array<number>(sides).fill(1);
    return op.emit('Conv', tensors(op), {
      kernel_shape: op.shape(1).slice(2),
      strides: op.numbers(3, sides) ?? Array<number>(sides).fill(1),
      pads: padding(op, sides, dilations),
      dilations,
      group: op.literal(6, 1),
    });
  };

/** conv_transpose1d, conv_transpose2d, conv_transpose3d. */
export const convTranspose =
  (sides: number): Converter =>
  (op) => {
    checkBatched(op, sides);
    const fill = (value: number) => Array<number>(sides).fill(value);
    return op.emit('ConvTranspose', tensors(op), {
      kernel_shape: op.shape(1).slice(2),
      strides: op.numbers(3, sides) ?? fill(1),
      pads: pads(op.numbers(4, sides) ?? fill(0)),
      output_padding: op.numbers(5, sides) ?? fill(0),
      group: op.literal(6, 1),
      dilations: op.numbers(7, sides) ?? fill(1),
    });
  };
