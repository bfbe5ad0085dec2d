import {
  type ConvNode,
  type Graph,
  inputOf,
  type Node,
  type Pass,
  replace,
  rewriteAll,
  type Uses,
} from '../graph/graph.ts';

function isFree(node: Node, user: Node, uses: Uses): node is ConvNode {
  return node.op === 'conv' && !node.relu && uses.onlyUser(node) === user;
}

/** The convolution runs last of the two, so that what is added is there. */
function fuseAdd(graph: Graph, node: Node, uses: Uses): boolean {
  const candidates = node.inputs.filter(
    (input): input is ConvNode => isFree(input, node, uses) && input.inputs.length === 1,
  );
  const [conv] = candidates.sort((a, b) => b.order - a.order);
  if (conv === undefined) return false;
  const other = node.inputs.find((input) => input !== conv) as Node;
  replace(graph, node, { ...conv, inputs: [inputOf(conv), other], slots: ['input', 'add'] });
  return true;
}

function fuseRelu(graph: Graph, node: Node, uses: Uses): boolean {
  const conv = inputOf(node);
  if (!isFree(conv, node, uses)) return false;
  replace(graph, node, { ...conv, relu: true });
  return true;
}

/** A convolution adds a map to its result and applies relu before it writes. */
export const fuseEpilogue: Pass = (graph) =>
  rewriteAll(graph, (node, uses) => {
    if (node.op === 'add' && node.shape.length === 3) return fuseAdd(graph, node, uses);
    return node.op === 'relu' && fuseRelu(graph, node, uses);
  });
