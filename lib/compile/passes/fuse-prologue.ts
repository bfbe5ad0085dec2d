import {
  type ApplyNode,
  type Graph,
  inputOf,
  isMap,
  type Node,
  type NormNode,
  type Pass,
  type Prologue,
  replace,
  rewriteAll,
  type Use,
  type Uses,
} from '../graph/graph.ts';

/** What can normalise its input as it reads. */
type Reader = Extract<Node, { prologue: Prologue | null }>;

const takesPrologue = (use: Use): use is { node: Reader; slot: 'input' } =>
  'node' in use && use.slot === 'input' && 'prologue' in use.node && use.node.prologue === null;

interface Chain {
  /** What is read in the end. */
  source: Node;
  norm: NormNode | null;
  relu: boolean;
}

/** The norm and the relu that end in `node`, where nothing else reads between them. */
function chainOf(node: Node, uses: Uses): Chain | undefined {
  if (!isMap(node)) return undefined;
  if (node.op === 'norm') {
    const next = uses.onlyUser(node);
    return next?.op === 'relu' ? undefined : { source: inputOf(node), norm: node, relu: false };
  }
  if (node.op !== 'relu') return undefined;
  const before = inputOf(node);
  return before.op === 'norm' && uses.onlyUser(before) === node
    ? { source: inputOf(before), norm: before, relu: true }
    : { source: before, norm: null, relu: true };
}

function applyChain(node: Node, { source, norm, relu }: Chain): ApplyNode {
  const { order, site, shape } = node;
  const prologue = norm === null ? null : { norm: norm.norm, relu: false };
  return { op: 'apply', order, site, shape, inputs: [source], slots: ['input'], prologue, relu };
}

function fuse(graph: Graph, node: Node, uses: Uses): boolean {
  const chain = chainOf(node, uses);
  if (chain === undefined) return false;
  const readers = uses.of(node);
  if (!readers.every(takesPrologue)) {
    replace(graph, node, applyChain(node, chain));
    return true;
  }
  for (const { node: reader } of readers) {
    reader.prologue = { norm: chain.norm?.norm ?? null, relu: chain.relu };
    reader.inputs = reader.inputs.map((input, i) => (reader.slots[i] === 'input' ? chain.source : input));
  }
  return true;
}

/**
 * Norms and relu that no convolution could take in are done by those who read the map, or, where one of them cannot
 * (an addition, an output), by a pass of their own over it.
 */
export const fusePrologue: Pass = (graph) => rewriteAll(graph, (node, uses) => fuse(graph, node, uses));
