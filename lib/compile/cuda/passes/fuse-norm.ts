import {
  type FusedNormNode,
  inputOf,
  isMap,
  type Node,
  type NormNode,
  type Pass,
  replace,
  rewriteAll,
  type Slot,
  type Uses,
} from '../../graph/graph.ts';

/** The addition before a norm, where nothing else reads the sum. */
function operandsOf(node: NormNode, uses: Uses): Node[] {
  const source = inputOf(node);
  return source.op === 'add' && uses.onlyUser(source) === node ? source.inputs : [source];
}

function fused(node: NormNode, uses: Uses): FusedNormNode {
  const { order, site, shape, norm } = node;
  const inputs = operandsOf(node, uses);
  const slots: Slot[] = inputs.map((_, i) => (i === 0 ? 'input' : 'add'));
  return { op: 'fusedNorm', order, site, shape, inputs, slots, norm, relu: false };
}

function rewritten(node: Node, uses: Uses): Node | undefined {
  if (node.op === 'norm') return isMap(node) ? fused(node, uses) : undefined;
  if (node.op !== 'relu') return undefined;
  const source = inputOf(node);
  const free = source.op === 'fusedNorm' && !source.relu && uses.onlyUser(source) === node;
  return free ? { ...source, relu: true } : undefined;
}

/** Addition, normalisation and ReLU of a map become one kernel. */
export const fuseNorm: Pass = (graph) =>
  rewriteAll(graph, (node, uses) => {
    const next = rewritten(node, uses);
    if (next !== undefined) replace(graph, node, next);
    return next !== undefined;
  });
