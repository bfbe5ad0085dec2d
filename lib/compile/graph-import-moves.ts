import { channelsOf, isMap, type Node, type NormNode, type PlainNode, type SliceNode } from './graph.ts';
import type { Importer } from './graph-import-layers.ts';
import { type OpReader, shapeOf, Unsupported } from './graph-reader.ts';
import { toNumbers } from './graph-values.ts';

const no = (reason: string): Unsupported => new Unsupported(reason);
const product = (sizes: readonly number[]): number => sizes.reduce((total, size) => total * size, 1);

/** Ops that give what they are given. */
export const same: Importer = (op) => op.known(0)?.node ?? no('on such a value');

/** Nothing in evaluation. */
export const dropout: Importer = (op) => (op.literal(2, false) ? no('in training') : same(op));

/** Views that only take off or put on dimensions of size one behind the channels, or lay out a map as a vector. */
export const reshape: Importer = (op) => {
  const known = op.known(0);
  const shape = op.resultShape;
  if (known === undefined) return no('on such a value');
  if (shape.join() === known.shape.join()) return known.node;
  const vector = op.vector(known);
  const flat = shape.length >= 2 && product(shape.slice(2)) === 1;
  if (flat && vector !== undefined && channelsOf(vector) === shape[1]) return vector;
  if (shape.length !== 2 || !isMap(known.node) || shape[1] !== product(known.node.shape)) {
    return no(`from [${known.shape.join(', ')}] to [${shape.join(', ')}]`);
  }
  return op.make<PlainNode>({ op: 'flatten' }, [known.node]);
};

/** A vector (N, C, 1, 1) broadcast over a map stays a vector. */
export const expand: Importer = (op) => {
  const known = op.known(0);
  if (known === undefined) return no('on such a value');
  const shape = op.resultShape;
  if (shape.join() === known.shape.join()) return known.node;
  const vector = op.vector(known);
  const fits = shape.length === 4 && known.shape.length === 4 && shape[1] === known.shape[1];
  return fits && vector !== undefined ? vector : no('along other dimensions than height and width');
};

/** Of maps, along the channels. */
export const cat: Importer = (op) => {
  const list = op.arg(0);
  const items = list?.kind === 'list' ? list.items.map((item) => op.knownOf(item)?.node) : [];
  const dim = op.literal<number>(1, 0);
  if (dim !== 1 && dim !== -3) return no('along another dimension than the channels');
  if (items.length === 0 || !items.every((node) => node !== undefined && isMap(node)))
    return no('of something other than maps');
  return op.make<PlainNode>({ op: 'cat' }, items as Node[]);
};

function channelsOnly(op: OpReader, dimAt: number): Node | undefined {
  const dim = op.literal<number>(dimAt, 0);
  return dim === 1 || dim === -3 ? op.map(0) : undefined;
}

function sliceNode(op: OpReader, input: Node, from: number, shape: readonly number[]): Node {
  if (shape[1] === channelsOf(input)) return input;
  return op.make<SliceNode>({ op: 'slice', from }, [input], shapeOf(shape));
}

/** split, split_with_sizes, chunk: the sizes are those of the results. */
export const split: Importer = (op) => {
  const input = channelsOnly(op, 2);
  if (input === undefined) return no('along another dimension than the channels');
  let from = 0;
  return op.results.map(({ shape }) => {
    const part = sliceNode(op, input, from, shape);
    from += channelsOf(part);
    return part;
  });
};

/** A range of the channels. */
export const narrow: Importer = (op) => {
  const input = channelsOnly(op, 1);
  if (input === undefined) return no('along another dimension than the channels');
  const start = op.literal<number>(2, 0);
  return sliceNode(op, input, start < 0 ? start + channelsOf(input) : start, op.resultShape);
};

/** A range of the channels, or all of any dimension. */
export const slice: Importer = (op) => {
  if (op.literal<number>(4, 1) !== 1) return no('with a step');
  const start = op.literal<number | null>(2, null) ?? 0;
  const known = op.known(0);
  if (known !== undefined && op.resultShape.join() === known.shape.join()) return known.node;
  const input = channelsOnly(op, 1);
  if (input === undefined) return no('along another dimension than the channels');
  const from = Math.min(start < 0 ? Math.max(0, start + channelsOf(input)) : start, channelsOf(input));
  return sliceNode(op, input, from, op.resultShape);
};

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

/** One number for each channel that argument `index` is, or undefined. */
function channelNumbers(op: OpReader, index: number, channels: number): Float64Array | undefined {
  const arg = op.arg(index);
  if (arg?.kind === 'literal' && typeof arg.value === 'number')
    return new Float64Array(channels).fill(arg.value);
  if (arg?.kind !== 'constant') return undefined;
  const { shape } = arg.tensor;
  if (product(shape) === 1) return new Float64Array(channels).fill(toNumbers(arg.tensor)[0] as number);
  const [width, height, own] = [shape.at(-1), shape.at(-2), shape.at(-3)];
  const fits = width === 1 && height === 1 && own === channels && product(shape) === channels;
  return fits ? toNumbers(arg.tensor) : undefined;
}

function affineNode(op: OpReader, input: Node, scale: Float64Array, shift: Float64Array): NormNode {
  const parts = [{ kind: 'constant', channels: channelsOf(input), affine: { scale, shift } }] as const;
  return op.make<NormNode>({ op: 'norm', norm: { module: op.op.site.module, parts } }, [input], input.shape);
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
  const input = op.map(0) ?? op.map(1);
  const at = op.known(0) === undefined ? 0 : 1;
  const numbers = input && channelNumbers(op, at, channelsOf(input));
  if (!input || !numbers) return no('with such a second value');
  return affineNode(op, input, toScale(numbers), new Float64Array(numbers.length));
}
