import { type ArgmaxNode, channelsOf, isMap, type Node, type PlainNode, type SliceNode } from './graph.ts';
import type { Importer } from './layers.ts';
import { type OpReader, shapeOf, Unsupported } from './op-reader.ts';

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
  const squeezed = op.squeezed(0);
  if (squeezed !== undefined && shape.slice(1).join() === squeezed.node.shape.join()) return squeezed.node;
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

/** Along the channels of a map, or the elements of a vector. */
export const argmax: Importer = (op) => {
  const [known, dim] = [op.known(0), op.literal<number | null>(1, null)];
  const rank = known?.shape.length ?? 0;
  if (known === undefined || dim === null || (dim < 0 ? dim + rank : dim) !== 1)
    return no('along another dimension than the channels');
  const node = rank === 4 ? op.mapOf(known) : known.node;
  if (node === undefined) return no('on such a value');
  return op.make<ArgmaxNode>(
    { op: 'argmax' },
    [node],
    node.shape.length === 3 ? [1, node.shape[1], node.shape[2]] : [1],
  );
};

/** Of maps, along the channels. */
export const cat: Importer = (op) => {
  const list = op.arg(0);
  const items = list?.kind === 'list' ? list.items.map((item) => op.mapOf(op.knownOf(item))) : [];
  const dim = op.literal<number>(1, 0);
  if (dim !== 1 && dim !== -3) return no('along another dimension than the channels');
  if (items.length === 0 || !items.every((node) => node !== undefined))
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
