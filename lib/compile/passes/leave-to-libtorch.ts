import { type UnsupportedMode, unsupportedError } from '../graph/from-trace.ts';
import { type AtenNode, type Graph, type Node, replace, rewriteAll } from '../graph/graph.ts';

type Operator = Pick<AtenNode, 'operator' | 'overload' | 'args'>;

/** The op that a node is, where no kernel takes it. */
function operatorOf(node: Node): Operator | undefined {
  const input = { operand: 0 };
  if (node.op === 'flatten')
    return { operator: 'aten::flatten', overload: 'using_ints', args: [input, { literal: 1 }] };
  if (node.op === 'sigmoid') return { operator: 'aten::sigmoid', overload: '', args: [input] };
  return undefined;
}

const REASONS: Record<string, string> = {
  flatten: 'of a map that no linear layer reads',
  sigmoid: 'that follows no linear layer',
};

/** Last: what no pass found a kernel for goes to libtorch, or is an error. */
export function leaveToLibtorch(graph: Graph, mode: UnsupportedMode): void {
  rewriteAll(graph, (node) => {
    const operator = operatorOf(node);
    if (operator === undefined) return false;
    const reason = REASONS[node.op] ?? '';
    if (mode === 'error') throw unsupportedError({ name: operator.operator, site: node.site }, reason, mode);
    const { order, site, shape, inputs, slots } = node;
    replace(graph, node, { op: 'aten', order, site, shape, inputs, slots, ...operator });
    return true;
  });
}
