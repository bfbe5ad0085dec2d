import type { DType } from '../ops/index.ts';
import { describeValue } from '../options.ts';

export type { Device, DType, Layout, MemoryFormat } from '../ops/index.ts';

/** Typed arrays whose elements torch has a dtype for. */
export type TypedArray =
  | Uint8Array
  | Uint8ClampedArray
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Float32Array
  | Float64Array;

const BY_ARRAY = new Map<string, DType>([
  ['Uint8Array', 'uint8'],
  ['Uint8ClampedArray', 'uint8'],
  ['Buffer', 'uint8'],
  ['Int8Array', 'int8'],
  ['Int16Array', 'int16'],
  ['Int32Array', 'int32'],
  ['BigInt64Array', 'int64'],
  ['Uint16Array', 'uint16'],
  ['Uint32Array', 'uint32'],
  ['BigUint64Array', 'uint64'],
  ['Float32Array', 'float32'],
  ['Float64Array', 'float64'],
]);

/** The dtype of a typed array's elements; undefined for other objects. */
export function dtypeOfArray(array: object): DType | undefined {
  if (!ArrayBuffer.isView(array)) return undefined;
  const tag = Object.prototype.toString.call(array).slice(8, -1);
  return BY_ARRAY.get(tag);
}

/**
 * The typed array that holds elements of `dtype` bit for bit, over `buffer`. Complex elements are pairs (real,
 * imaginary). 16-bit floats come as their bits (Uint16Array) and 8-bit floats as Uint8Array: JavaScript has no
 * such numbers; convert with `to('float32')` first to read values. Bits and pairs of 4-bit floats come as they lie.
 */
export function viewAs(dtype: DType, buffer: ArrayBuffer): TypedArray {
  switch (dtype) {
    case 'float32':
    case 'complex64':
      return new Float32Array(buffer);
    case 'float64':
    case 'complex128':
      return new Float64Array(buffer);
    case 'int8':
    case 'qint8':
      return new Int8Array(buffer);
    case 'int16':
      return new Int16Array(buffer);
    case 'int32':
    case 'qint32':
      return new Int32Array(buffer);
    case 'int64':
      return new BigInt64Array(buffer);
    case 'uint16':
    case 'float16':
    case 'bfloat16':
    case 'complex32':
    case 'bits16':
      return new Uint16Array(buffer);
    case 'uint32':
      return new Uint32Array(buffer);
    case 'uint64':
      return new BigUint64Array(buffer);
    default:
      return new Uint8Array(buffer);
  }
}

function textOf(name: string, dtype: unknown): string {
  if (typeof dtype === 'string') return dtype;
  throw new TypeError(`Expected a dtype such as "float32" for ${name}, got ${describeValue(dtype)}`);
}

export const isComplex = (dtype: DType): boolean => textOf('isComplex', dtype).startsWith('complex');
export const isFloatingPoint = (dtype: DType): boolean =>
  textOf('isFloatingPoint', dtype).startsWith('float') || dtype === 'bfloat16';
export const isQuantized = (dtype: DType): boolean => dtype.startsWith('q');
