import { type UnsupportedMode, unsupportedError } from '../graph/from-trace.ts';
import { type AtenNode, type Graph, replace, rewriteAll } from '../graph/graph.ts';

type Operator = Pick<AtenNode, 'operator' | 'overload' | 'args'>;

const FLATTEN: Operator = {
  operator: 'aten::flatten',
  overload: 'using_ints',
  args: [{ operand: 0 }, { literal: 1 }],
};

/** Last: what no pass found a kernel for goes to libtorch, or is an error. */
export function leaveToLibtorch(graph: Graph, mode: UnsupportedMode): void {
  rewriteAll(graph, (node) => {
    if (node.op !== 'flatten') return false;
    const { order, site, shape, inputs, slots } = node;
    if (mode === 'error')
      throw unsupportedError({ name: FLATTEN.operator, site }, 'of a map that no linear layer reads', mode);
    replace(graph, node, { op: 'aten', order, site, shape, inputs, slots, ...FLATTEN });
    return true;
  });
}
