import { type Tensor, zeros } from '../../../tensor/index.ts';
import type { Converter, OnnxOp } from '../onnx-op.ts';

interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly padding: readonly number[];
  readonly dilations: readonly number[];
}

/** Kernel, stride and padding at 1, 2 and 3. */
function windowOf(op: OnnxOp, sides: number, dilationAt?: number): Window {
  if (op.rank !== sides + 2) op.fail('on an image without a batch');
  const kernel = op.numbers(1, sides) ?? op.fail('without a kernel');
  return {
    kernel,
    strides: op.numbers(2, sides) ?? kernel,
    padding: op.numbers(3, sides) ?? Array<number>(sides).fill(0),
    dilations:
      (dilationAt === undefined ? undefined : op.numbers(dilationAt, sides)) ?? Array<number>(sides).fill(1),
  };
}

/** What is added behind the end so that as many windows fit as the result has: runtimes round up in two ways. */
function beyond(op: OnnxOp, { kernel, strides, padding, dilations }: Window): number[] {
  return kernel.map((size, i) => {
    const reach = (dilations[i] as number) * (size - 1) + 1;
    const used = ((op.result.shape[i + 2] as number) - 1) * (strides[i] as number) + reach;
    const had = (op.shape(0)[i + 2] as number) + 2 * (padding[i] as number);
    return Math.max(0, used - had);
  });
}

const endsOf = ({ padding }: Window, extra: readonly number[]): number[] =>
  padding.map((size, i) => size + (extra[i] as number));

export const maxPool =
  (sides: number): Converter =>
  (op) => {
    const window = windowOf(op, sides, 4);
    const { kernel, strides, padding, dilations } = window;
    const pads = [...padding, ...endsOf(window, beyond(op, window))];
    return op.emit('MaxPool', [op.input(0)], { kernel_shape: kernel, strides, pads, dilations });
  };

/** As `maxPool`; where the places are read, they are not written. */
export const maxPoolWithIndices: Converter = (op) => [maxPool(2)(op) as string];

export const avgPool =
  (sides: number): Converter =>
  (op) => {
    const window = windowOf(op, sides);
    const { kernel, strides, padding } = window;
    if (sides > 1 && op.has(6)) return op.fail('with divisor_override');
    const extra = beyond(op, window);
    const isPadded = padding.some((size) => size > 0);
    const counts = isPadded && op.literal(5, true);
    if (counts && extra.some((size) => size > 0)) return op.fail('with ceil_mode and padding that counts');
    const pads = [...padding, ...endsOf(window, extra)];
    const attributes = { kernel_shape: kernel, strides, pads, count_include_pad: counts ? 1 : 0 };
    return op.emit('AveragePool', [op.input(0)], attributes);
  };

/** Windows of one size that make a map of `to` out of one of `from`, if there are any. */
function evenWindow(from: readonly number[], to: readonly number[]) {
  if (from.some((size, i) => size % (to[i] as number) !== 0)) return undefined;
  const size = from.map((each, i) => each / (to[i] as number));
  return { kernel_shape: size, strides: size };
}

const isWhole = (to: readonly number[]): boolean => to.every((size) => size === 1);

/** The mean of windows that cover the map; of uneven ones by a product along each side. */
export const adaptiveAvgPool =
  (sides: number): Converter =>
  (op) => {
    const [from, to] = [op.shape(0).slice(-sides), op.result.shape.slice(-sides)];
    if (op.rank !== sides + 2) return op.fail('on an image without a batch');
    if (isWhole(to)) return op.emit('GlobalAveragePool', [op.input(0)]);
    const window = evenWindow(from, to);
    if (window !== undefined) return op.emit('AveragePool', [op.input(0)], window);
    return sides === 2 ? bySides(op, from, to) : op.fail('to sizes that do not divide those of the input');
  };

function bySides(op: OnnxOp, from: readonly number[], to: readonly number[]): string {
  const [rows, columns] = [0, 1].map((i) => means(from[i] as number, to[i] as number));
  const left = op.made(() => (rows as () => Tensor)().to({ dtype: op.dtype }));
  const right = op.made(() => (columns as () => Tensor)().t().to({ dtype: op.dtype }));
  return op.emit('MatMul', [op.emit('MatMul', [left, op.input(0)]), right]);
}

/** (to, from): the mean of each window, as a product with the input. */
const means = (from: number, to: number) => (): Tensor => {
  const matrix = zeros([to, from]);
  for (let i = 0; i < to; i++) {
    const [start, end] = [Math.floor((i * from) / to), Math.ceil(((i + 1) * from) / to)];
    matrix
      .select(0, i)
      .narrow(0, start, end - start)
      .fill_(1 / (end - start));
  }
  return matrix;
};

export const adaptiveMaxPool =
  (sides: number): Converter =>
  (op) => {
    const [from, to] = [op.shape(0).slice(-sides), op.result.shape.slice(-sides)];
    if (op.rank !== sides + 2) return op.fail('on an image without a batch');
    if (isWhole(to)) return [op.emit('GlobalMaxPool', [op.input(0)])];
    const window = evenWindow(from, to);
    return window === undefined
      ? op.fail('to sizes that do not divide those of the input')
      : [op.emit('MaxPool', [op.input(0)], window)];
  };
