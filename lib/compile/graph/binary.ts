import type { Tensor } from '../../tensor/index.ts';
import { toFloat32 } from './affine.ts';
import { channelNumbers } from './elementwise.ts';
import { arg, fn, numberAt, pointwise, withoutPool } from './functions.ts';
import { type Combine, isMap, type Node, type PointwiseNode, type Shape } from './graph.ts';
import type { Importer } from './layers.ts';
import { affineNode } from './norm-node.ts';
import { type Known, type OpReader, shapeOf, Unsupported } from './op-reader.ts';

const no = (reason: string): Unsupported => new Unsupported(reason);

/** The result as a node has it: two vectors make a map only where they were broadcast over one. */
function resultShape(op: OpReader, nodes: readonly Node[]): Shape | Unsupported {
  const shape = op.resultShape;
  if (shape.length === 2) return [shape[1] as number];
  if (shape.length !== 4) return no('of something other than maps and vectors');
  const isVector = !nodes.some(isMap) && shape[2] === 1 && shape[3] === 1;
  return isVector ? [shape[1] as number] : shapeOf(shape);
}

function nodeOf(op: OpReader, combine: Combine, inputs: Node[], constant: Tensor | null) {
  const shape = resultShape(op, inputs);
  if (shape instanceof Unsupported) return shape;
  const node = op.make<PointwiseNode>(
    { op: 'pointwise', prologue: null, combine, constant, functions: [] },
    inputs,
    shape,
  );
  return { ...node, slots: inputs.map((_, i) => (i === 0 ? 'input' : 'other')) } satisfies PointwiseNode;
}

/** Images stay apart only where both have them in the first of as many dimensions. */
function ofTwo(op: OpReader, combine: Combine, x: Known, y: Known): Node | Unsupported {
  const alike = [x, y].every(({ shape }) => shape.length === op.resultShape.length);
  const nodes = [x, y].map((known) => withoutPool(op, known));
  return alike ? nodeOf(op, combine, nodes, null) : no('of values of different shapes');
}

/** A constant as (C or 1, H or 1, W or 1). */
function mapConstant(op: OpReader, tensor: Tensor): Tensor | undefined {
  const rank = op.resultShape.length;
  const sizes = [...Array(Math.max(0, rank - tensor.dim())).fill(1), ...tensor.shape];
  if (sizes.length !== rank || sizes[0] !== 1) return undefined;
  const [channels = 1, height = 1, width = 1] = sizes.slice(1);
  return toFloat32(tensor).reshape([channels, height, width]).clone();
}

/** One number for each channel, or for all, is the work of a norm that others can take in. */
function byChannels(op: OpReader, combine: Combine, input: Node, at: number): Node | undefined {
  const numbers = channelNumbers(op, at, input.shape[0], op.resultShape.length);
  const isLinear = combine !== 'maximum' && combine !== 'minimum';
  if (numbers === undefined || !isLinear) return undefined;
  const [ones, zeros] = [new Float64Array(numbers.length).fill(1), new Float64Array(numbers.length)];
  if (combine === 'add') return affineNode(op, input, ones, numbers);
  if (combine === 'mul') return affineNode(op, input, numbers, zeros);
  if (combine === 'sub' && at === 1)
    return affineNode(
      op,
      input,
      ones,
      numbers.map((value) => -value),
    );
  if (combine === 'sub') return affineNode(op, input, ones.fill(-1), numbers);
  return affineNode(op, input, at === 1 ? numbers.map((value) => 1 / value) : numbers, zeros);
}

/** `c - x` and `c / x` begin with what makes `-x` and `1 / x` of x. */
function turned(op: OpReader, combine: Combine, at: number, input: Node): { node: Node; combine: Combine } {
  if (at === 1 || (combine !== 'sub' && combine !== 'div')) return { node: input, combine };
  const own = { op: 'pointwise', prologue: null, combine: null, constant: null } as const;
  const functions = [
    combine === 'sub' ? { name: 'affine', args: [-1, 0] } : { name: 'reciprocal', args: [] },
  ];
  const node = op.make<PointwiseNode>({ ...own, functions }, [input], input.shape);
  return { node, combine: combine === 'sub' ? 'add' : 'mul' };
}

function ofConstant(op: OpReader, combine: Combine, at: number): Node | Unsupported {
  const known = op.known(1 - at) as Known;
  if (known.shape.length !== op.resultShape.length) return no('of values of different shapes');
  if (at === 0 && combine === 'div') {
    const inverse = turned(op, combine, at, known.node);
    return byChannels(op, combine, inverse.node, at) ?? general(op, inverse.combine, inverse.node, at);
  }
  const simple = byChannels(op, combine, known.node, at);
  if (simple !== undefined) return simple;
  const { node, combine: changed } = turned(op, combine, at, known.node);
  return general(op, changed, node, at);
}

function general(op: OpReader, combine: Combine, input: Node, at: number): Node | Unsupported {
  const given = op.arg(at);
  const constant = given?.kind === 'constant' ? mapConstant(op, given.tensor) : undefined;
  return constant === undefined ? no('with such a second value') : nodeOf(op, combine, [input], constant);
}

/** `alpha` of add and sub. */
function scaledOther(
  op: OpReader,
  combine: Combine,
): { combine: Combine; y: Known | undefined } | Unsupported {
  const y = op.known(1);
  if (combine !== 'add' && combine !== 'sub') return { combine, y };
  const alpha = numberAt(op, 2, 1);
  if (alpha === 1) return { combine, y };
  if (y === undefined) return no('with alpha');
  const count = y.node.shape[0];
  const scale = new Float64Array(count).fill(alpha);
  return { combine, y: { ...y, node: affineNode(op, y.node, scale, new Float64Array(count)) } };
}

/**
 * Two maps or vectors, or one and a constant, element by element, sizes broadcast.
 *
 * @param first Tried before: what it makes can be joined with what is around it.
 */
export const binary =
  (combine: Combine, first?: Importer): Importer =>
  (op) => {
    const made = first === undefined ? no('') : tried(first, op);
    if (!(made instanceof Unsupported)) return made;
    if (combine === 'div' && op.arg(2) !== undefined) return no('with rounding');
    const x = op.known(0);
    const other = scaledOther(op, combine);
    if (other instanceof Unsupported) return other;
    if (x !== undefined && other.y !== undefined) return ofTwo(op, other.combine, x, other.y);
    if (x === undefined && op.known(1) === undefined) return no('on such a value');
    return ofConstant(op, combine, x === undefined ? 0 : 1);
  };

function tried(importer: Importer, op: OpReader): ReturnType<Importer> {
  try {
    return importer(op);
  } catch (error) {
    if (error instanceof Unsupported) return error;
    throw error;
  }
}

/** A constant minus a map or a vector. */
export const rsub: Importer = (op) => {
  if (numberAt(op, 2, 1) !== 1) return no('with alpha');
  return pointwise(fn('affine', -1, arg(1, 0)))(op);
};

/** Largest or smallest of two; of one, along a dimension, it is another op. */
export const largest =
  (combine: 'maximum' | 'minimum', along: Importer): Importer =>
  (op) =>
    op.op.overload === 'other' ? binary(combine)(op) : along(op);
