import type { Tensor } from '../../tensor/index.ts';
import { toFloat32 } from './affine.ts';
import {
  channelsOf,
  isMap,
  type LayerNormNode,
  type Node,
  type NormNode,
  type PointwiseNode,
  type ReduceNode,
  type Shape,
  type SoftmaxNode,
} from './graph.ts';
import type { Importer } from './layers.ts';
import { type Known, type OpReader, Unsupported } from './op-reader.ts';

const no = (reason: string): Unsupported => new Unsupported(reason);

/** A dimension, from the front. */
const fromFront = (dim: number, rank: number): number => (dim < 0 ? dim + rank : dim);

/** A map, or a vector where that has one element for each channel. */
function nodeOf(op: OpReader, known: Known): Node | undefined {
  const isSpread = !isMap(known.node) && known.shape.slice(2).some((size) => size !== 1);
  return isSpread ? op.mapOf(known) : known.node;
}

/** e^x over the sum of it along the channels, or the logarithm of that. */
export const softmax =
  (log: boolean): Importer =>
  (op) => {
    const known = op.known(0);
    if (known === undefined) return no('on such a value');
    if (fromFront(op.literal(1, 0), known.shape.length) !== 1)
      return no('along another dimension than the channels');
    if (typeof op.literal<unknown>(2, null) === 'string') return no('with a dtype');
    const node = nodeOf(op, known);
    return node === undefined
      ? no('on such a value')
      : op.make<SoftmaxNode>({ op: 'softmax', log }, [node], node.shape);
  };

/** Groups of channels by their mean and variance over the whole map. */
export const groupNorm: Importer = (op) => {
  const [input, weight, bias] = [op.map(0), op.constant(2), op.constant(3)];
  if (input === undefined) return no('on something other than a map (N, C, H, W)');
  if (weight === undefined || bias === undefined) return no('with a weight that is no parameter');
  const own = { weight: weight && toFloat32(weight), bias: bias && toFloat32(bias) };
  return groupNode(op, input, { ...own, eps: op.literal(4, 1e-5), groups: op.literal(1, 1) });
};

type Group = Pick<LayerNormNode, 'weight' | 'bias' | 'eps'> & { groups: number };

function groupNode(op: OpReader, input: Node, group: Group): NormNode {
  const parts = [{ kind: 'instance', channels: channelsOf(input), ...group }] as const;
  return op.make<NormNode>({ op: 'norm', norm: { module: op.op.site.module, parts } }, [input], input.shape);
}

const copyOf = (tensor: Tensor | null): Tensor | null => tensor && toFloat32(tensor).clone();

/** Over a vector, or over the whole of a map, whose weight has a number for each element. */
export const layerNorm: Importer = (op) => {
  const [known, weight, bias] = [op.known(0), op.constant(2), op.constant(3)];
  if (known === undefined) return no('on such a value');
  if (weight === undefined || bias === undefined) return no('with a weight that is no parameter');
  const own = { weight: copyOf(weight), bias: copyOf(bias), eps: op.literal(4, 1e-5) };
  const { node, shape } = known;
  if (shape.length === 2 && !isMap(node))
    return op.make<LayerNormNode>({ op: 'layerNorm', ...own }, [node], node.shape);
  const sizes = op.arg(1);
  const isWhole = isMap(node) && shape.length === 4 && sizes?.kind === 'list' && sizes.items.length === 3;
  return isWhole ? overMap(op, node, own) : no('over other dimensions than channels, height and width');
};

function overMap(op: OpReader, node: Node, { weight, bias, eps }: Omit<Group, 'groups'>): Node {
  const norm = groupNode(op, node, { weight: null, bias: null, eps, groups: 1 });
  const scaled = byElement(op, norm, 'mul', weight);
  return byElement(op, scaled, 'add', bias);
}

function byElement(op: OpReader, input: Node, combine: 'mul' | 'add', constant: Tensor | null): Node {
  if (constant === null) return input;
  const own = { prologue: null, combine, constant, functions: [] };
  return op.make<PointwiseNode>({ op: 'pointwise', ...own }, [input], input.shape);
}

/** The places of the dimensions that an op goes over. */
function dimensions(op: OpReader, rank: number): number[] {
  const arg = op.arg(1);
  const items = arg?.kind === 'list' ? arg.items : arg === undefined ? [] : [arg];
  return items.map((item) =>
    item.kind === 'literal' && typeof item.value === 'number' ? fromFront(item.value, rank) : Number.NaN,
  );
}

/**
 * Over the channels, as a map of one.
 *
 * @param other For other dimensions.
 */
export const reduce =
  (reduction: ReduceNode['reduction'], other?: Importer): Importer =>
  (op) => {
    const known = op.known(0);
    if (known === undefined) return no('on such a value');
    if (dimensions(op, known.shape.length).join() !== '1')
      return other?.(op) ?? no('over other dimensions than the channels');
    if (typeof op.literal<unknown>(3, null) === 'string') return no('with a dtype');
    const node = nodeOf(op, known);
    if (node === undefined) return no('on such a value');
    if (!isMap(node) && op.resultShape.length !== known.shape.length)
      return no('of vectors, without keepdim');
    const shape = [1, ...node.shape.slice(1)] as unknown as Shape;
    return op.make<ReduceNode>({ op: 'reduce', reduction }, [node], shape);
  };
