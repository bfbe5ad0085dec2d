import { inputOf, type Pass, replace, rewriteAll } from '../graph/graph.ts';

/** relu or sigmoid after a linear layer becomes its activation. */
export const fuseLinear: Pass = (graph) =>
  rewriteAll(graph, (node, uses) => {
    if (node.op !== 'relu' && node.op !== 'sigmoid') return false;
    const linear = inputOf(node);
    if (linear.op !== 'linear' || linear.activation !== 'none' || uses.onlyUser(linear) !== node)
      return false;
    replace(graph, node, { ...linear, activation: node.op });
    return true;
  });
