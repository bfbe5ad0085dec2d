import { toNumbers } from './affine.ts';
import { channelsOf, isMap, type NormNode, type PlainNode } from './graph.ts';
import type { Importer } from './layers.ts';
import { affineNode } from './norm-node.ts';
import { type OpReader, Unsupported } from './op-reader.ts';

const no = (reason: string): Unsupported => new Unsupported(reason);

/** max(x, 0) of a map or a vector. */
export const relu: Importer = (op) => {
  const input = op.known(0)?.node;
  return input === undefined
    ? no('on such a value')
    : op.make<PlainNode>({ op: 'relu' }, [input], input.shape);
};

/** 1 / (1 + exp(-x)) of a map or a vector. */
export const sigmoid: Importer = (op) => {
  const input = op.known(0)?.node;
  return input === undefined
    ? no('on such a value')
    : op.make<PlainNode>({ op: 'sigmoid' }, [input], input.shape);
};

/** One number for each channel that argument `index` is to a value of `rank` dimensions, or undefined. */
export function channelNumbers(
  op: OpReader,
  index: number,
  channels: number,
  rank = 4,
): Float64Array | undefined {
  const arg = op.arg(index);
  if (arg?.kind === 'literal' && typeof arg.value === 'number')
    return new Float64Array(channels).fill(arg.value);
  if (arg?.kind !== 'constant') return undefined;
  const { shape } = arg.tensor;
  const elements = arg.tensor.numel();
  if (elements === 1) return new Float64Array(channels).fill(toNumbers(arg.tensor)[0] as number);
  const [own, ...behind] = shape.slice(1 - rank);
  const fits = behind.length === rank - 2 && behind.every((size) => size === 1) && own === channels;
  return fits && elements === channels ? toNumbers(arg.tensor) : undefined;
}

/** x + y of two maps or two vectors, or a shift by constants; `sign` is -1 for x - y. */
const addition =
  (sign: 1 | -1): Importer =>
  (op) => {
    const known = [op.known(0), op.known(1)];
    const [x, y] = known.map((value) => value?.node);
    if (op.literal<number>(2, 1) !== 1) return no('with alpha');
    if (x !== undefined && y !== undefined) {
      if (sign < 0 || x.shape.join() !== y.shape.join() || known[0]?.shape.length !== known[1]?.shape.length)
        return no('of values of different shapes');
      return op.make<PlainNode>({ op: 'add' }, [x, y], x.shape);
    }
    const input = x ?? (sign > 0 ? y : undefined);
    const numbers = input && isMap(input) && channelNumbers(op, x === undefined ? 0 : 1, channelsOf(input));
    if (!input || !numbers) return no('with such a second value');
    const ones = new Float64Array(numbers.length).fill(1);
    return affineNode(
      op,
      input,
      ones,
      numbers.map((value) => sign * value),
    );
  };

/** x + y, or x plus constants. */
export const add: Importer = addition(1);
/** x minus constants. */
export const sub: Importer = addition(-1);

/** A map times one number per image and channel, or times constants. */
export const mul: Importer = (op) => {
  const [x, y] = [op.known(0), op.known(1)];
  if (x !== undefined && y !== undefined) {
    const [map, gate] = isMap(x.node) && x.shape.join() === op.resultShape.join() ? [x, y] : [y, x];
    const vector = op.vector(gate);
    const fits = isMap(map.node) && gate.shape.length === 4;
    if (!fits || vector === undefined || channelsOf(vector) !== channelsOf(map.node))
      return no('of two maps');
    return op.make<PlainNode>({ op: 'gate' }, [map.node, vector], map.node.shape);
  }
  return scaled(op, (numbers) => numbers);
};

/** A map divided by constants. */
export const div: Importer = (op) =>
  op.known(0) === undefined || op.arg(2) !== undefined
    ? no('with such a first value, or rounding')
    : scaled(op, (numbers) => numbers.map((value) => 1 / value));

function scaled(op: OpReader, toScale: (numbers: Float64Array) => Float64Array): NormNode | Unsupported {
  const input = (op.known(0) ?? op.known(1))?.node;
  const at = op.known(0) === undefined ? 0 : 1;
  const numbers = input && isMap(input) && channelNumbers(op, at, channelsOf(input));
  if (!input || !numbers) return no('with such a second value');
  return affineNode(op, input, toScale(numbers), new Float64Array(numbers.length));
}
