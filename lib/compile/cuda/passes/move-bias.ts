import { fromNumbers, toNumbers } from '../../graph/affine.ts';
import {
  type ConvNode,
  type FusedNormNode,
  type Graph,
  inputOf,
  type Node,
  type Norm,
  type NormPart,
  type Pass,
  replace,
  rewriteAll,
  type Uses,
} from '../../graph/graph.ts';

/** A convolution that adds a bias and nothing after, for one reader. */
const isBiased = (node: Node, user: Node, uses: Uses): node is ConvNode & { bias: object } =>
  node.op === 'conv' && node.bias !== null && !node.relu && uses.onlyUser(node) === user;

function withoutBias(node: Node, conv: Node): Node[] {
  return node.inputs.map((input) => (input === conv ? { ...(conv as ConvNode), bias: null } : input));
}

function shiftedPart(part: NormPart, bias: Float64Array): NormPart {
  // The mean takes it away again.
  if (part.kind === 'instance') return part;
  const scale = part.affine?.scale ?? new Float64Array(part.channels).fill(1);
  const before = part.affine?.shift ?? new Float64Array(part.channels);
  const shift = before.map((value, i) => value + (scale[i] as number) * (bias[i] as number));
  return { ...part, affine: { scale, shift } };
}

function shiftedNorm({ module, parts }: Norm, bias: Float64Array): Norm {
  let from = 0;
  return {
    module,
    parts: parts.map((part) => {
      from += part.channels;
      return shiftedPart(part, bias.subarray(from - part.channels, from));
    }),
  };
}

function intoNorm(graph: Graph, node: FusedNormNode, uses: Uses): boolean {
  const conv = node.inputs.find((input) => isBiased(input, node, uses)) as ConvNode | undefined;
  if (conv === undefined) return false;
  const norm = shiftedNorm(node.norm, toNumbers(conv.bias as NonNullable<ConvNode['bias']>));
  replace(graph, node, { ...node, norm, inputs: withoutBias(node, conv) });
  return true;
}

function sum(a: ConvNode['bias'], b: Float64Array): ConvNode['bias'] {
  const before = a === null ? undefined : toNumbers(a);
  return fromNumbers(b.map((value, i) => value + (before?.[i] ?? 0)));
}

function intoConv(graph: Graph, node: ConvNode, uses: Uses): boolean {
  const added = node.inputs[node.slots.indexOf('add')];
  if (added === undefined || added === inputOf(node) || !isBiased(added, node, uses)) return false;
  const bias = sum(node.bias, toNumbers(added.bias));
  replace(graph, node, { ...node, bias, inputs: withoutBias(node, added) });
  return true;
}

/**
 * Biases of convolutions without ReLU go to what reads the map: the normalisation, or the convolution that adds it
 * and has a ReLU. cuDNN adds a bias on the way only together with a ReLU; else it is a pass over the map of its own.
 */
export const moveBias: Pass = (graph) =>
  rewriteAll(graph, (node, uses) => {
    if (node.op === 'fusedNorm') return intoNorm(graph, node, uses);
    return node.op === 'conv' && intoConv(graph, node, uses);
  });
