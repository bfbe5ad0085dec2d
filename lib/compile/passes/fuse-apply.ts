import {
  type ApplyNode,
  inputOf,
  isMap,
  type Node,
  operand,
  type Pass,
  replace,
  rewriteAll,
  type Slot,
  type Uses,
} from '../graph/graph.ts';

function applyOf(node: Node, input: Node, more: { slot: Slot; node: Node }[]): ApplyNode {
  const { order, site, shape } = node;
  const inputs = [input, ...more.map((item) => item.node)];
  const slots: Slot[] = ['input', ...more.map(({ slot }) => slot)];
  return { op: 'apply', order, site, shape, inputs, slots, prologue: null, relu: false };
}

/** An `apply` that can still add something. */
const canAdd = (node: Node, user: Node, uses: Uses): node is ApplyNode =>
  node.op === 'apply' && !node.relu && operand(node, 'add') === undefined && uses.onlyUser(node) === user;

/** Norms and relu of the first operand are then done as it is read. */
function addition(node: Node, uses: Uses): ApplyNode {
  const [a, b] = node.inputs as [Node, Node];
  const scaled = [a, b].find((input) => canAdd(input, node, uses));
  if (scaled !== undefined) {
    const added = scaled === a ? b : a;
    return { ...(scaled as ApplyNode), inputs: [...scaled.inputs, added], slots: [...scaled.slots, 'add'] };
  }
  const normed = [a, b].find((input) => input.op === 'norm' && uses.onlyUser(input) === node) ?? a;
  return applyOf(node, normed, [{ slot: 'add', node: normed === a ? b : a }]);
}

function rewritten(node: Node, uses: Uses): Node | undefined {
  if (node.op === 'gate')
    return applyOf(node, inputOf(node), [{ slot: 'gate', node: node.inputs[1] as Node }]);
  if (node.op === 'add') return addition(node, uses);
  if (node.op !== 'relu') return undefined;
  const source = inputOf(node);
  const free = source.op === 'apply' && !source.relu && uses.onlyUser(source) === node;
  if (free) return { ...source, relu: true };
  return isMap(node) ? undefined : { ...applyOf(node, source, []), relu: true };
}

/**
 * Gates (squeeze and excitation), additions that no convolution took, and relu after them: one pass over the map or
 * vector. So is a relu of a vector that no linear layer took.
 */
export const fuseApply: Pass = (graph) =>
  rewriteAll(graph, (node, uses) => {
    const next = rewritten(node, uses);
    if (next !== undefined) replace(graph, node, next);
    return next !== undefined;
  });
