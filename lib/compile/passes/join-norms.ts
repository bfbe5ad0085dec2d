import {
  channelsOf,
  type Graph,
  inputOf,
  type Node,
  type NormNode,
  type NormPart,
  type Pass,
  replace,
  rewriteAll,
} from '../graph/graph.ts';

interface Piece {
  base: Node;
  from: number;
  parts: readonly NormPart[];
}

const unchanged = (node: Node): NormPart => ({ kind: 'constant', channels: channelsOf(node), affine: null });

/** The channels of another node that `node` is, and how they are normalised. */
function pieceOf(node: Node): Piece {
  const parts = node.op === 'norm' ? node.norm.parts : [unchanged(node)];
  const source = node.op === 'norm' ? inputOf(node) : node;
  return source.op === 'slice'
    ? { base: inputOf(source), from: source.from, parts }
    : { base: source, from: 0, parts };
}

/** Whether the pieces are all channels of one node, in order. */
function isWhole(pieces: readonly Piece[]): boolean {
  const base = pieces[0]?.base as Node;
  let next = 0;
  for (const piece of pieces) {
    if (piece.base !== base || piece.from !== next) return false;
    for (const part of piece.parts) next += part.channels;
  }
  return next === channelsOf(base);
}

function joined(node: Node, input: Node, parts: NormPart[]): NormNode {
  const { order, site, shape } = node;
  return {
    op: 'norm',
    order,
    site,
    shape,
    inputs: [input],
    slots: ['input'],
    norm: { module: site.module, parts },
  };
}

function join(graph: Graph, node: Node): boolean {
  if (node.op !== 'cat') return false;
  const pieces = node.inputs.map(pieceOf);
  if (!isWhole(pieces)) return false;
  const { base } = pieces[0] as Piece;
  const plain = node.inputs.every(({ op }) => op !== 'norm');
  replace(
    graph,
    node,
    plain
      ? base
      : joined(
          node,
          base,
          pieces.flatMap(({ parts }) => parts),
        ),
  );
  return true;
}

/** split -> normalise each part -> cat becomes one normalisation with parts: instance-batch normalisation. */
export const joinNorms: Pass = (graph) => rewriteAll(graph, (node) => join(graph, node));

/**
 * A concatenation of normalised and other maps becomes a normalisation of the concatenation, which its readers may
 * then do as they read. For what folding has left: norms with statistics, and several norms of one map (IBN-c).
 */
export const hoistNorms: Pass = (graph) =>
  rewriteAll(graph, (node, uses) => {
    if (node.op !== 'cat' || !node.inputs.some(({ op }) => op === 'norm')) return false;
    const norms = node.inputs.filter(({ op }) => op === 'norm');
    if (!norms.every((norm) => uses.onlyUser(norm) === node)) return false;
    const parts = node.inputs.flatMap((input) => pieceOf(input).parts);
    const inputs = node.inputs.map((input) => (input.op === 'norm' ? inputOf(input) : input));
    replace(graph, node, joined(node, { ...node, inputs }, parts));
    return true;
  });
