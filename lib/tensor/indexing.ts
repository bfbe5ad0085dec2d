import { describe } from '../ops/call.ts';
import { isNative, type Ops, ops as untypedOps, wrapTensor } from '../ops/index.ts';
import { native } from './native.ts';
import { scope } from './scope.ts';
import type { Tensor } from './tensor.ts';

const aten = untypedOps.aten as Ops<Tensor>['aten'];

/** Python's `start:stop:step`. */
export class Slice {
  readonly start: number | null;
  readonly stop: number | null;
  readonly step: number;
  constructor(start: number | null, stop: number | null, step: number) {
    this.start = start;
    this.stop = stop;
    this.step = step;
  }
}

/**
 * Python's slice: `slice(1, 3)` is `1:3`, `slice(null, -1)` is `:-1`, `slice(0, null, 2)` is `::2`.
 *
 * @throws RangeError for a step below 1, which torch does not have.
 */
export function slice(start: number | null = null, stop: number | null = null, step = 1): Slice {
  if (!Number.isInteger(step) || step < 1)
    throw new RangeError(`Expected a step of at least 1 for slice, got ${step}`);
  return new Slice(start, stop, step);
}

/** One place of `x.index(...)`: Python's integer, slice, `:`, `...`, None, mask or index tensor. */
export type Index = number | Slice | ':' | '...' | null | boolean | Tensor | number[];

function isTensor(value: unknown): value is Tensor {
  return typeof value === 'object' && value !== null && isNative(value);
}

/** How many dimensions of the tensor an index takes up. */
function consumed(index: Index): number {
  if (index === null || index === '...' || typeof index === 'boolean') return 0;
  return isTensor(index) && (index.dtype === 'bool' || index.dtype === 'uint8') ? index.dim() : 1;
}

/** Replaces `...` by as many `:` as fit. */
function expandEllipsis(indices: Index[], dim: number): Index[] {
  const used = indices.reduce<number>((sum, index) => sum + consumed(index), 0);
  if (used > dim)
    throw new RangeError(`Expected at most ${dim} indices for a tensor of ${dim} dimensions, got ${used}`);
  const place = indices.indexOf('...');
  if (place < 0) return indices;
  if (indices.lastIndexOf('...') !== place)
    throw new RangeError("Expected at most one '...' in an index, got several");
  return [...indices.slice(0, place), ...Array<Index>(dim - used).fill(':'), ...indices.slice(place + 1)];
}

interface Viewed {
  view: Tensor;
  /** Index tensors by dimension of the view; null where the dimension is taken whole. */
  gather: (Tensor | null)[];
}

/** Applies what gives a view; what gathers is left for `aten::index`. */
function viewIndices(tensor: Tensor, indices: Index[]): Viewed {
  let view: Tensor = aten.alias(tensor);
  let dim = 0;
  const gather: (Tensor | null)[] = [];
  const take = (index: Tensor, dims: number) => {
    while (gather.length < dim) gather.push(null);
    gather.push(index);
    dim += dims;
  };
  for (const index of indices) {
    if (typeof index === 'number') view = select(view, dim, index);
    else if (index === ':') dim += 1;
    else if (index instanceof Slice) {
      view = aten.slice(view, dim, index.start, index.stop, index.step);
      dim += 1;
    } else if (index === null) {
      view = aten.unsqueeze(view, dim);
      dim += 1;
    } else if (typeof index === 'boolean') {
      view = aten.unsqueeze(view, dim);
      take(aten.full([1], index, { dtype: 'bool' }), 1);
    } else if (Array.isArray(index)) {
      take(indexTensor(index), 1);
    } else if (isTensor(index)) {
      take(index.device === view.device ? index : index.to(view.device), consumed(index));
    } else {
      throw new TypeError(
        `Expected an integer, slice(), ':', '...', null, boolean, Tensor or integer array as index, got ${describe(index)}`,
      );
    }
  }
  return { view, gather };
}

function select(view: Tensor, dim: number, index: number): Tensor {
  const size = view.size(dim);
  if (Number.isInteger(index) && index >= -size && index < size) return aten.select(view, dim, index);
  throw new RangeError(`Expected an index from ${-size} to ${size - 1} for dimension ${dim}, got ${index}`);
}

function indexTensor(values: number[]): Tensor {
  const whole = BigInt64Array.from(values, (value) => {
    if (Number.isInteger(value)) return BigInt(value);
    throw new TypeError(`Expected integers in an index array, got ${describe(value)}`);
  });
  return wrapTensor(native.fromCopy(whole, 'int64', [values.length])) as Tensor;
}

function assign(view: Tensor, gather: (Tensor | null)[], value: Tensor | number | bigint | boolean): void {
  const source: Tensor = isTensor(value)
    ? value.to(view.dtype)
    : aten.full([], value, { dtype: view.dtype, device: view.device });
  if (gather.length === 0) aten.copy_(view, source);
  else aten.index_put_(view, gather, source.to(view.device));
}

/** Reads `tensor` at `indices`, or writes `value` there. The result is the read part, or `tensor`. */
export function applyIndex(
  tensor: Tensor,
  indices: Index[],
  value?: Tensor | number | bigint | boolean,
): Tensor {
  return scope(() => {
    const { view, gather } = viewIndices(tensor, expandEllipsis(indices, tensor.dim()));
    if (value !== undefined) {
      assign(view, gather, value);
      return tensor;
    }
    return gather.length === 0 ? view : aten.index(view, gather);
  });
}
