import { type Tensor, tensor } from '../../tensor/index.ts';
import { constantsOf, fromNumbers, scaleChannels, toNumbers } from '../graph/affine.ts';
import {
  type ConvNode,
  type Graph,
  inputOf,
  type LinearNode,
  type Node,
  type NormNode,
  type NormPart,
  type Pass,
  replace,
  rewriteAll,
  type Uses,
} from '../graph/graph.ts';

/** The weight of a linear layer with its rows times `scale`; of a convolution, the factors, which are left to packing. */
function scaled(node: ConvNode | LinearNode, scale: Float64Array) {
  if (node.op === 'linear') return { weight: scaleChannels(node.weight, tensor(scale)) };
  const before = node.weightScale && toNumbers(node.weightScale);
  return { weightScale: tensor(before ? scale.map((value, i) => value * (before[i] as number)) : scale) };
}

function shifted(bias: Tensor | null, scale: Float64Array, shift: Float64Array): Tensor {
  const before = bias === null ? undefined : toNumbers(bias);
  return fromNumbers(shift.map((value, i) => (before?.[i] ?? 0) * (scale[i] as number) + value));
}

const isInstance = ({ kind }: NormPart): boolean => kind === 'instance';
const isFoldable = (part: NormPart): boolean => part.kind === 'constant' && part.affine !== null;

/** Whether the node can take the constants in: nothing else reads it, and nothing is done after it yet. */
function takesNorm(node: Node, norm: NormNode, uses: Uses): node is ConvNode | LinearNode {
  if (uses.onlyUser(node) !== norm) return false;
  if (node.op === 'linear') return node.activation === 'none' && !norm.norm.parts.some(isInstance);
  return node.op === 'conv' && !node.relu && node.inputs.length === 1;
}

function fold(graph: Graph, node: Node, uses: Uses): boolean {
  if (node.op !== 'norm' || !node.norm.parts.some(isFoldable)) return false;
  const source = inputOf(node);
  if (!takesNorm(source, node, uses)) return false;
  const { scale, shift } = constantsOf(node.norm.parts);
  const own = { ...scaled(source, scale), bias: shifted(source.bias, scale, shift) };
  const folded = { ...source, ...own };
  replace(graph, node, node.norm.parts.some(isInstance) ? withoutConstants(node, folded) : folded);
  return true;
}

/** What is left of an instance-batch normalisation: its instance half. */
function withoutConstants(node: NormNode, input: Node): NormNode {
  const parts = node.norm.parts.map((part) => (part.kind === 'constant' ? { ...part, affine: null } : part));
  return { ...node, inputs: [input], norm: { ...node.norm, parts } };
}

/**
 * Batch normalisation goes into the weight and bias of the convolution or linear layer before it; of instance-batch
 * normalisation, its batch half. Computed in float64 and rounded once, a
 * convolution's when it is packed, so that its weight is never there twice.
 */
export const foldBatchNorm: Pass = (graph) => rewriteAll(graph, (node, uses) => fold(graph, node, uses));

/**
 * The same for norms without an instance part. The batch half of instance-batch normalisation stays: on CUDA one
 * kernel does both halves, and a shift left in a convolution without ReLU would be a pass over the map of its own.
 */
export const foldWholeBatchNorm: Pass = (graph) =>
  rewriteAll(
    graph,
    (node, uses) => node.op === 'norm' && !node.norm.parts.some(isInstance) && fold(graph, node, uses),
  );
