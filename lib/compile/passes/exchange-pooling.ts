import {
  type ConvNode,
  inputOf,
  type Node,
  type Pass,
  type PoolNode,
  pixelsOf,
  replace,
  rewriteAll,
} from '../graph/graph.ts';

const all = (sizes: readonly number[], value: number): boolean => sizes.every((size) => size === value);

/** Whether each output pixel depends on one input pixel, linearly. */
function isPointwise(node: Node): node is ConvNode {
  if (node.op !== 'conv' || node.relu || node.inputs.length > 1) return false;
  const { weight, stride, padding } = node;
  return all(weight.shape.slice(2), 1) && all(stride, 1) && all(padding, 0);
}

/** A bias is averaged to itself, unless padding zeros count. */
function keepsBias(pool: PoolNode, conv: ConvNode): boolean {
  return conv.bias === null || !pool.countIncludePad || all(pool.padding, 0);
}

/**
 * A 1x1 convolution and an average pooling commute: pooling first leaves the convolution fewer pixels (a quarter of
 * them in DenseNet's transitions), and lets the pooling apply the normalisation before it.
 */
export const exchangePooling: Pass = (graph) =>
  rewriteAll(graph, (node, uses) => {
    if (node.op !== 'pool' || node.mode !== 'avg') return false;
    const conv = inputOf(node);
    if (!isPointwise(conv) || uses.onlyUser(conv) !== node || !keepsBias(node, conv)) return false;
    if (pixelsOf(node) >= pixelsOf(conv)) return false;
    const [, height, width] = node.shape as readonly [number, number, number];
    const source = inputOf(conv);
    const pool: PoolNode = { ...node, inputs: [source], shape: [source.shape[0], height, width] };
    replace(graph, node, { ...conv, inputs: [pool], shape: node.shape });
    return true;
  });
