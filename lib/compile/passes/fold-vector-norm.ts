import { scope, tensor } from '../../tensor/index.ts';
import { constantsOf } from '../graph/affine.ts';
import {
  inputOf,
  isMap,
  type LinearNode,
  type Node,
  type NormNode,
  type Pass,
  replace,
  rewriteAll,
} from '../graph/graph.ts';

/** weight (out, in) with its columns times `scale`, and the bias that `shift` adds to. */
function folded(linear: LinearNode, scale: Float64Array, shift: Float64Array) {
  return scope(() => {
    const weight = linear.weight.to('float64');
    const added = weight.matmul(tensor(shift));
    const bias = linear.bias === null ? added : added.add(linear.bias);
    return { weight: weight.mul(tensor(scale)).to('float32').contiguous(), bias: bias.to('float32') };
  });
}

const isVectorNorm = (node: Node): node is NormNode => node.op === 'norm' && !isMap(node);

/**
 * Normalisation of a vector, as between pooling and classifier, goes into the linear layer that reads it. Where an
 * output or something else reads it, it becomes a pass of its own over the vector.
 */
export const foldVectorNorm: Pass = (graph) =>
  rewriteAll(graph, (node, uses) => {
    if (node.op === 'linear' && isVectorNorm(inputOf(node))) {
      const norm = inputOf(node) as NormNode;
      const { scale, shift } = constantsOf(norm.norm.parts);
      replace(graph, node, { ...node, inputs: [inputOf(norm)], ...folded(node, scale, shift) });
      return true;
    }
    if (!isVectorNorm(node)) return false;
    const readByLinear = uses.of(node).some((use) => 'node' in use && use.node.op === 'linear');
    if (readByLinear) return false;
    const { order, site, shape, inputs, slots, norm } = node;
    const apply = { order, site, shape, inputs, slots, prologue: { norm, relu: false }, relu: false };
    replace(graph, node, { op: 'apply', ...apply });
    return true;
  });
