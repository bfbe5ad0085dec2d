import {
  type ElementFunction,
  inputOf,
  type Node,
  type Norm,
  type Pass,
  type PointwiseNode,
  replace,
  rewriteAll,
  type Uses,
} from '../graph/graph.ts';

/** One scale and one shift for all channels. */
function affineOf({ parts }: Norm): ElementFunction | undefined {
  const pairs = parts.flatMap((part) =>
    part.kind === 'constant' && part.affine !== null
      ? [...part.affine.scale].map((scale, i) => [scale, part.affine?.shift[i] as number] as const)
      : [[Number.NaN, Number.NaN] as const],
  );
  const [first] = pairs;
  if (first === undefined || !pairs.every(([a, b]) => a === first[0] && b === first[1])) return undefined;
  return first.every((value) => Number.isFinite(Math.fround(value)))
    ? { name: 'affine', args: first }
    : undefined;
}

/** What a node does to each element of the one that it reads, if it does nothing else. */
function functionsOf(node: Node): readonly ElementFunction[] | undefined {
  if (node.op === 'relu') return [{ name: 'relu', args: [] }];
  if (node.op === 'pointwise')
    return node.combine === null && node.prologue === null ? node.functions : undefined;
  const affine = node.op === 'norm' ? affineOf(node.norm) : undefined;
  return affine && [affine];
}

const isSame = (a: Node, b: Node): boolean => a.shape.join() === b.shape.join();

function joined(node: Node, uses: Uses): PointwiseNode | undefined {
  const source = node.inputs[0];
  if (source?.op !== 'pointwise' || !isSame(source, node) || uses.onlyUser(source) !== node) return undefined;
  const functions = functionsOf(node);
  return (
    functions && {
      ...source,
      site: node.site,
      order: node.order,
      functions: [...source.functions, ...functions],
    }
  );
}

function ofSigmoid(node: Node): PointwiseNode {
  const { order, site, shape } = node;
  const functions = [{ name: 'sigmoid', args: [] }];
  const own = { prologue: null, combine: null, constant: null, functions };
  return { op: 'pointwise', order, site, shape, inputs: [inputOf(node)], slots: ['input'], ...own };
}

/**
 * Functions of single elements that follow each other become one pass over the map or vector. A sigmoid that no linear layer took
 * is one of them.
 */
export const fusePointwise: Pass = (graph) =>
  rewriteAll(graph, (node, uses) => {
    const next = node.op === 'sigmoid' ? ofSigmoid(node) : joined(node, uses);
    if (next !== undefined) replace(graph, node, next);
    return next !== undefined;
  });
