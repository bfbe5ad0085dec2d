import { layoutOf, type StoredDType } from '../dtypes.ts';
import { PyArray, PyDict, PyNumpyDType, PyObject, PyStorage, PyTensor, PyTuple } from '../values.ts';
import { asBoolean, asCount, asCounts, asItems, asString, describe, Mismatch } from './checks.ts';
import {
  asNumpyBytes,
  decodeElement,
  fieldsOf,
  numpyDType,
  numpyDTypeText,
  numpyItemsize,
  numpyScalar,
} from './numpy.ts';
import { type Context, calls, type Globals, PyGlobal } from './py-global.ts';

const MOST_DIMENSIONS = 64;

/** What is read as data of numpy: arrays, scalars, dtypes. Its modules had other names before numpy 2. */
export const NUMPY_GLOBALS: Globals = [
  calls('numpy', 'dtype', numpyDType),
  ...['numpy.core', 'numpy._core'].flatMap(
    (core): Globals => [
      calls(`${core}.multiarray`, 'scalar', numpyScalar),
      calls(`${core}.multiarray`, '_reconstruct', emptyArray),
      calls(`${core}.numeric`, '_frombuffer', arrayFromBuffer),
    ],
  ),
];

// An array keeps its class for whoever asks; what it holds is the same.
const ARRAYS = new Set(['numpy.ndarray', 'numpy.matrix', 'numpy.memmap', 'numpy.matrixlib.defmatrix.matrix']);

/** `_reconstruct(class, shape, kind)`: BUILD brings the rest. */
function emptyArray([type]: readonly unknown[]): PyArray | PyObject {
  if (!(type instanceof PyGlobal)) throw new Mismatch(`expected an array class, got ${describe(type)}`);
  return ARRAYS.has(type.name) ? new PyArray() : new PyObject(type.name, []);
}

/** `(version, shape, dtype, is_fortran, bytes or list)`, without the version in the oldest files. */
export function setArrayState(array: PyArray, state: unknown, context: Context): void {
  const items = asItems(state, 'a numpy array');
  const [shape, dtype, isFortran, data] = items.length === 4 ? items : items.slice(1);
  if (array.value !== undefined) throw new Mismatch('a numpy array that is filled twice');
  array.value = filled(checkedDType(dtype), sizeOf(shape), asBoolean(isFortran, 'is_fortran'), data, context);
}

/** `_frombuffer(buffer, dtype, shape, order[, axis_order])`, from protocol 5. */
function arrayFromBuffer(args: readonly unknown[], context: Context): PyArray {
  const [data, dtype, shape, order, axes] = args;
  const kind = asString(order, 'a numpy order');
  if (!['C', 'F', 'K'].includes(kind)) throw new Mismatch(`unknown numpy order ${describe(kind)}`);
  const array = new PyArray();
  const size = sizeOf(shape);
  if (kind === 'K' && axes !== undefined && axes !== null) {
    array.value = permuted(
      checkedDType(dtype),
      size,
      asCounts(axes, 'a numpy axis order', MOST_DIMENSIONS),
      data,
      context,
    );
  } else array.value = filled(checkedDType(dtype), size, kind === 'F', data, context);
  return array;
}

function checkedDType(dtype: unknown): PyNumpyDType {
  if (dtype instanceof PyNumpyDType) return dtype;
  throw new Mismatch(`expected a numpy dtype for an array, got ${describe(dtype)}`);
}

function sizeOf(shape: unknown): number[] {
  const counted = typeof shape === 'number' ? [asCount(shape, 'a numpy shape')] : shape;
  return counted instanceof PyTuple || Array.isArray(counted)
    ? asCounts(counted, 'a numpy shape', MOST_DIMENSIONS)
    : asCounts(asItems(counted, 'a numpy shape'), 'a numpy shape', MOST_DIMENSIONS);
}

/** Steps of an array whose axes lie in `order`, the slowest first. */
function stridesFor(size: readonly number[], order: readonly number[]): number[] {
  const stride = new Array<number>(size.length).fill(1);
  let step = 1;
  for (const axis of [...order].reverse()) {
    stride[axis] = step;
    step *= Math.max(size[axis] as number, 1);
  }
  return stride;
}

function axesOf(size: readonly number[], isFortran: boolean): number[] {
  const axes = size.map((_, axis) => axis);
  return isFortran ? axes.reverse() : axes;
}

function filled(
  dtype: PyNumpyDType,
  size: number[],
  isFortran: boolean,
  data: unknown,
  context: Context,
): unknown {
  return permuted(dtype, size, axesOf(size, isFortran), data, context);
}

function permuted(
  dtype: PyNumpyDType,
  size: number[],
  axes: readonly number[],
  data: unknown,
  context: Context,
): unknown {
  const isOrder =
    axes.length === size.length && new Set(axes).size === size.length && axes.every((a) => a < size.length);
  if (!isOrder) throw new Mismatch('a numpy axis order that is none');
  const stride = stridesFor(size, axes);
  const numel = size.reduce((product, length) => product * length, 1);
  // Strides are products of the lengths, where 0 counts as 1.
  const extent = size.reduce((product, length) => product * Math.max(length, 1), 1);
  if (!Number.isSafeInteger(extent)) throw new Mismatch(`a numpy array of size [${size.join(', ')}]`);
  if (dtype.code.startsWith('O')) context.copy(places(size));
  if (dtype.code.startsWith('O'))
    // Objects are listed row by row in either order.
    return objectArray(
      asItems(data, 'an array of objects'),
      size,
      stridesFor(size, axesOf(size, false)),
      numel,
    );
  const bytes = asNumpyBytes(data);
  const expected = numel * numpyItemsize(dtype);
  if (bytes.length !== expected)
    throw new Mismatch(`expected ${expected} bytes for a numpy array, got ${bytes.length}`);
  context.copy(bytes.length + places(size));
  return arrayOf(dtype, bytes, size, stride);
}

function arrayOf(dtype: PyNumpyDType, bytes: Uint8Array, size: number[], stride: number[]): unknown {
  const stored = TORCH_DTYPES.get(dtype.code);
  if (stored !== undefined) return tensorOf(stored, bytes, dtype.bigEndian, size, stride);
  if (!/^[US]/.test(dtype.code)) return describedArray(dtype, bytes, size, stride);
  const width = numpyItemsize(dtype);
  const element = (at: number) => decodeElement(dtype, bytes.subarray(at * width, (at + 1) * width));
  return nested(size, stride, 0, 0, element);
}

/** An array that neither torch nor JavaScript has a kind for: dates and structures. */
function describedArray(dtype: PyNumpyDType, bytes: Uint8Array, size: number[], stride: number[]): PyObject {
  const object = new PyObject('numpy.ndarray', []);
  const state = new PyDict('dict');
  const data = /^[Mm]8$/.test(dtype.code) ? ticksOf(bytes, dtype.bigEndian) : Uint8Array.from(bytes);
  const entries = {
    shape: new PyTuple(size),
    stride: new PyTuple(stride),
    dtype: numpyDTypeText(dtype),
    data,
  };
  for (const [name, value] of Object.entries(entries)) state.set(name, value);
  const fields = fieldsOf(dtype);
  if (fields !== undefined) state.set('fields', fields);
  object.state = state;
  return object;
}

function ticksOf(bytes: Uint8Array, bigEndian: boolean): BigInt64Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return BigInt64Array.from({ length: bytes.length / 8 }, (_, at) => view.getBigInt64(at * 8, !bigEndian));
}

const TORCH_DTYPES: ReadonlyMap<string, StoredDType> = new Map([
  ...(Object.entries({ b1: 'bool', i1: 'int8', i2: 'int16', i4: 'int32', i8: 'int64' }) as [
    string,
    StoredDType,
  ][]),
  ...(Object.entries({ u1: 'uint8', u2: 'uint16', u4: 'uint32', u8: 'uint64' }) as [string, StoredDType][]),
  ...(Object.entries({ f2: 'float16', f4: 'float32', f8: 'float64' }) as [string, StoredDType][]),
  ...(Object.entries({ c8: 'complex64', c16: 'complex128' }) as [string, StoredDType][]),
]);

/** A tensor over bytes that are in the pickle itself. */
function tensorOf(
  dtype: StoredDType,
  bytes: Uint8Array,
  bigEndian: boolean,
  size: number[],
  stride: number[],
): PyTensor {
  const numel = bytes.length / layoutOf(dtype).itemsize;
  const inline = { bytes, bigEndian };
  const storage = new PyStorage({ key: 'numpy', dtype, numel, location: 'cpu', view: undefined, inline });
  return new PyTensor({
    storage,
    dtype,
    offset: 0,
    size,
    stride,
    requiresGrad: false,
    conj: false,
    neg: false,
  });
}

function objectArray(
  items: readonly unknown[],
  size: readonly number[],
  stride: readonly number[],
  numel: number,
): unknown {
  if (items.length !== numel)
    throw new Mismatch(`expected ${numel} objects for an array, got ${items.length}`);
  return nested(size, stride, 0, 0, (at) => items[at]);
}

/** Lists and elements that an array has as nested lists: a length of 0 ends the nesting. */
function places(size: readonly number[]): number {
  const end = size.indexOf(0);
  return size.slice(0, end < 0 ? size.length : end).reduce((product, length) => product * length, 1);
}

/** Lists in lists, as numpy's `tolist` makes them; a value by itself for no dimensions. */
function nested(
  size: readonly number[],
  stride: readonly number[],
  dim: number,
  at: number,
  element: (at: number) => unknown,
): unknown {
  if (dim === size.length) return element(at);
  const step = stride[dim] as number;
  return Array.from({ length: size[dim] as number }, (_, index) =>
    nested(size, stride, dim + 1, at + index * step, element),
  );
}
