import { describe } from '../../ops/describe.ts';
import { Complex, isNative, type Ops, ops as untypedOps } from '../../ops/index.ts';
import type { Element } from '../elements.ts';
import { scope } from '../scope.ts';
import type { Tensor } from '../tensor.ts';
import { indexTensor } from './index-array.ts';
import { type Index, Slice } from './index-types.ts';

const aten = untypedOps.aten as Ops<Tensor>['aten'];

/** What `setIndex` writes. */
export type IndexValue = Tensor | Element;

function isTensor(value: unknown): value is Tensor {
  return typeof value === 'object' && value !== null && isNative(value);
}

const isMask = ({ dtype }: Tensor) => dtype === 'bool' || dtype === 'uint8';
const isInteger = ({ dtype }: Tensor) => dtype === 'bool' || /^u?int(8|16|32|64)$/.test(dtype);

/** How many dimensions of the indexed tensor an index takes up. */
function consumed(index: Index): number {
  if (index === null || index === '...' || typeof index === 'boolean') return 0;
  return isTensor(index) && isMask(index) ? index.dim() : 1;
}

function countConsumed(indices: readonly Index[], dim: number): number {
  let count = 0;
  for (const index of indices) count += consumed(index);
  if (count <= dim) return count;
  throw new RangeError(`Expected at most ${dim} indices for a tensor of ${dim} dimensions, got ${count}`);
}

/**
 * Walks over the indices as torch does (2.13, ATen/TensorIndexing.h): what gives a view is applied at once, index
 * tensors and masks are left for `aten::index`.
 */
class Selection {
  view: Tensor;
  /** Index tensors by place, null for a dimension taken whole; a mask of several dimensions is one place. */
  readonly gather: (Tensor | null)[] = [];
  #dim = 0;

  constructor(tensor: Tensor, indices: readonly Index[]) {
    this.view = tensor;
    const dim = tensor.dim();
    const rest = dim - countConsumed(indices, dim);
    for (let place = 0; place < indices.length; place++) this.#take(indices[place] as Index, place, rest);
  }

  #take(index: Index, place: number, rest: number): void {
    if (typeof index === 'number' || typeof index === 'bigint') this.#select(index, place);
    else if (index === ':') this.#skip(1);
    else if (index instanceof Slice) this.#slice(index);
    else if (index === '...') this.#skip(rest);
    else if (index === null) {
      this.#insert();
      this.#skip(1);
    } else if (typeof index === 'boolean') this.#takeBoolean(index);
    else if (Array.isArray(index)) this.#record(indexTensor(index));
    else if (isTensor(index)) this.#takeTensor(index, place);
    else throw wrongIndex(index);
  }

  #skip(dims: number): void {
    this.#dim += dims;
    if (this.gather.length > 0) for (let i = 0; i < dims; i++) this.gather.push(null);
  }

  #select(index: number | bigint, place: number): void {
    this.view = select(this.view, this.#dim, index, place);
  }

  #slice({ start, stop, step }: Slice): void {
    if (start !== null || stop !== null || step !== 1)
      this.view = aten.slice(this.view, this.#dim, start, stop, step);
    this.#skip(1);
  }

  #insert(): void {
    this.view = aten.unsqueeze(this.view, this.#dim);
  }

  /** A new dimension of size 1, of which `true` takes the only element and `false` none. */
  #takeBoolean(index: boolean): void {
    this.#insert();
    this.#record(aten.zeros([index ? 1 : 0], { dtype: 'int64', device: this.view.device }));
  }

  #takeTensor(index: Tensor, place: number): void {
    if (index.dim() > 0 || !isInteger(index)) this.#record(index);
    else if (isMask(index)) this.#takeBoolean(Boolean(aten.item(index)));
    else this.#select(aten.item(index) as number | bigint, place);
  }

  #record(index: Tensor): void {
    if (this.gather.length === 0) for (let i = 0; i < this.#dim; i++) this.gather.push(null);
    this.gather.push(index);
    this.#dim += isMask(index) ? index.dim() : 1;
  }

  /** `gather` without the nulls behind the last index tensor. */
  get indices(): (Tensor | null)[] {
    return this.gather.slice(0, this.gather.findLastIndex((index) => index !== null) + 1);
  }
}

function select(view: Tensor, dim: number, index: number | bigint, place: number): Tensor {
  const size = view.size(dim);
  if ((typeof index === 'bigint' || Number.isInteger(index)) && index >= -size && index < size)
    return aten.select(view, dim, index);
  throw new RangeError(
    `Expected an index from ${-size} to ${size - 1} for dimension ${place}, got ${String(index)}`,
  );
}

function wrongIndex(index: unknown): TypeError {
  return new TypeError(
    `Expected an integer, slice(), ':', '...', null, boolean, Tensor or array of integers or booleans as index, got ${describe(index)}`,
  );
}

/** Reads `tensor` at `indices`: a view where nothing gathers. */
export function readIndex(tensor: Tensor, indices: readonly Index[]): Tensor {
  const [only] = indices;
  if (indices.length === 1 && typeof only === 'number' && tensor.dim() > 0) return select(tensor, 0, only, 0);
  return scope(() => {
    const selection = new Selection(tensor, indices);
    if (selection.gather.length > 0) return aten.index(selection.view, selection.indices);
    return selection.view === tensor ? aten.alias(tensor) : selection.view;
  });
}

/** The value as a tensor: numbers in the dtype and on the device of `tensor`. */
function toValue(tensor: Tensor, value: IndexValue): Tensor {
  if (isTensor(value)) return value;
  const isNumber = typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean';
  if (!isNumber && !(value instanceof Complex)) {
    throw new TypeError(
      `Expected a Tensor, number, bigint, boolean or Complex to write, got ${describe(value)}`,
    );
  }
  const { dtype, device } = tensor;
  return /^qu?int/.test(dtype)
    ? aten.scalar_tensor(value, { dtype: 'float32' })
    : aten.scalar_tensor(value, { dtype, device });
}

/** The shape of a value without the ones it begins with, which broadcasting would not need. */
function dropLeadingOnes(value: Tensor): Tensor {
  const shape = value.shape;
  if (shape[0] !== 1) return value;
  const first = shape.findIndex((size) => size !== 1);
  return aten.view(value, first < 0 ? [] : shape.slice(first));
}

function copyInto(view: Tensor, value: Tensor): void {
  const shape = view.shape;
  const given = value.shape;
  if (given.length === shape.length && given.every((size, i) => size === shape[i])) aten.copy_(view, value);
  else if (given.length === 0 && value.device === 'cpu') aten.fill_.Tensor(view, value);
  else aten.copy_(view, aten.expand(dropLeadingOnes(value), shape));
}

/** Writes `value` into `tensor` at `indices`, broadcast to the part that they select. */
export function writeIndex(tensor: Tensor, indices: readonly Index[], value: IndexValue): void {
  if (tensor.layout.startsWith('sparse')) {
    throw new TypeError(`Expected a dense tensor to write into, got one of layout ${tensor.layout}`);
  }
  scope(() => {
    const source = toValue(tensor, value);
    const [only] = indices;
    // Alone, Python's True and False select all and nothing without gathering.
    if (indices.length === 1 && only === false) return;
    if (indices.length === 1 && only === true) return copyInto(aten.unsqueeze(tensor, 0), source);
    const selection = new Selection(tensor, indices);
    if (selection.gather.length === 0) copyInto(selection.view, source);
    else aten.index_put_(selection.view, selection.indices, dropLeadingOnes(source));
  });
}
