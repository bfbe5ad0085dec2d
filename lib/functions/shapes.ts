import { checkOptions, checkPositions, describeValue } from '../options.ts';
import { isTensor, ops, type Tensor } from '../tensor/index.ts';
import { listOf } from './products.ts';

type Tensors = Tensor[] | [readonly Tensor[]];

/**
 * Coordinate grids of vectors. Options may follow the vectors.
 *
 * @param args The vectors, one by one or as one array; then `indexing`, 'ij' (default: the first varies along the first
 * dimension) or 'xy'.
 * @example
 * const [rows, columns] = meshgrid(arange(3), arange(4), { indexing: 'ij' }); // both (3, 4)
 */
export function meshgrid(...args: [...Tensors, { indexing?: 'ij' | 'xy' }] | Tensors): Tensor[] {
  const last = args.at(-1);
  const hasOptions =
    typeof last === 'object' && last !== null && Object.getPrototypeOf(last) === Object.prototype;
  const options = hasOptions ? (last as { indexing?: 'ij' | 'xy' }) : {};
  checkOptions('meshgrid', options, ['indexing']);
  const vectors = (hasOptions ? args.slice(0, -1) : args) as Tensors;
  return ops.aten.meshgrid.indexing([...listOf(vectors)], { indexing: options.indexing ?? 'ij' });
}

/**
 * Views of parts of `x` along `dim`: of one size, the last one smaller where it does not divide, or of the given sizes.
 *
 * @example
 * split(arange(10), 4).map((part) => part.shape[0]); // [4, 4, 2]
 * split(arange(10), [7, 3]);
 */
export function split(x: Tensor, sizeOrSections: number | readonly number[], dim = 0): Tensor[] {
  checkPositions('split', arguments, 3);
  return typeof sizeOrSections === 'number'
    ? ops.aten.split(x, sizeOrSections, dim)
    : ops.aten.split_with_sizes(x, sizeOrSections, dim);
}

/**
 * The coordinates of flat indices into a tensor of a shape: a tensor for each dimension, of the shape of `indices`.
 *
 * @throws TypeError for indices that are no integers.
 * @example
 * const [rows, columns] = unravelIndex(tensor([4, 1], { dtype: 'int64' }), [3, 2]); // [2, 0], [0, 1]
 */
export function unravelIndex(indices: Tensor, shape: number | readonly number[]): Tensor[] {
  checkPositions('unravelIndex', arguments, 2);
  if (!isTensor(indices))
    throw new TypeError(
      `Expected a Tensor for unravelIndex argument "indices", got ${describeValue(indices)}`,
    );
  const { dtype } = indices;
  if (!/^u?int/.test(dtype)) {
    throw new TypeError(`Expected indices of an integer dtype for unravelIndex, got ${dtype}`);
  }
  const sizes = typeof shape === 'number' ? [shape] : shape;
  if (!Array.isArray(sizes))
    throw new TypeError(`Expected whole numbers for unravelIndex shape, got ${describeValue(shape)}`);
  if (!sizes.every((size) => Number.isInteger(size) && size >= 0)) {
    throw new RangeError(`Expected whole numbers of at least 0 for unravelIndex shape, got [${sizes}]`);
  }
  let rest = indices.to('int64');
  const found: Tensor[] = [];
  for (const size of [...sizes].reverse()) {
    found.unshift(rest.remainder(size));
    rest = ops.aten.floor_divide(rest, size);
  }
  return found;
}

/** The shape that shapes broadcast to. */
export function broadcastShapes(...shapes: readonly (readonly number[])[]): number[] {
  for (const shape of shapes) {
    if (Array.isArray(shape) && shape.every((size) => Number.isInteger(size) && size >= 0)) continue;
    throw new TypeError(
      `Expected arrays of whole numbers of at least 0 for broadcastShapes, got ${Array.isArray(shape) ? `[${shape.join(', ')}]` : describeValue(shape)}`,
    );
  }
  const length = Math.max(0, ...shapes.map((shape) => shape.length));
  return Array.from({ length }, (_, i) => {
    const sizes = shapes.map((shape) => shape[shape.length - length + i] ?? 1).filter((size) => size !== 1);
    const size = sizes[0] ?? 1;
    if (sizes.every((other) => other === size)) return size;
    const text = shapes.map((shape) => `[${shape.join(', ')}]`).join(', ');
    throw new RangeError(`Expected shapes that broadcast for broadcastShapes, got ${text}`);
  });
}

/** The tensors as views of one shape. */
export const broadcastTensors = (...tensors: Tensors): Tensor[] =>
  ops.aten.broadcast_tensors([...listOf(tensors)]);

/** All tuples of elements of vectors, a row each. */
export const cartesianProd = (...tensors: Tensors): Tensor => ops.aten.cartesian_prod([...listOf(tensors)]);

/** Matrices along the diagonal of one that is zero elsewhere. */
export const blockDiag = (...tensors: Tensors): Tensor => ops.aten.block_diag([...listOf(tensors)]);

type AtLeast = {
  (x: Tensor): Tensor;
  (...tensors: [readonly Tensor[]] | [Tensor, Tensor, ...Tensor[]]): Tensor[];
};

function atLeast(op: 'atleast_1d' | 'atleast_2d' | 'atleast_3d'): AtLeast {
  const widen = (...tensors: Tensors) => {
    const [first] = tensors;
    return tensors.length === 1 && !Array.isArray(first)
      ? ops.aten[op](first as Tensor)
      : ops.aten[op].Sequence([...listOf(tensors)]);
  };
  return widen as AtLeast;
}

/** Tensors of no dimension as those of one. */
export const atleast1d: AtLeast = atLeast('atleast_1d');
/** Tensors of less than two dimensions as those of two. */
export const atleast2d: AtLeast = atLeast('atleast_2d');
/** Tensors of less than three dimensions as those of three. */
export const atleast3d: AtLeast = atLeast('atleast_3d');
