import { Complex } from '../ops/index.ts';
import { type DType, isComplex, type TypedArray } from './dtype.ts';

/** What one element of a tensor is in JavaScript. */
export type Element = number | bigint | boolean | Complex;

/** Elements as nested arrays; a plain element for a tensor without dimensions. */
export type NestedArray = Element | NestedArray[];

/** Whether `Tensor.data()` gives bits of `dtype`, not values. */
export const needsFloat = (dtype: DType) =>
  dtype === 'float16' || dtype === 'bfloat16' || dtype.startsWith('float8') || dtype === 'complex32';

/** The elements of `data`, which `Tensor.data()` gave for `dtype`. */
export function toElements(data: TypedArray, dtype: DType): Element[] {
  if (dtype === 'bool') return Array.from(data as Uint8Array, (value) => value !== 0);
  if (isComplex(dtype)) {
    const pairs = data as Float64Array;
    return Array.from(
      { length: pairs.length / 2 },
      (_, i) => new Complex(pairs[2 * i] as number, pairs[2 * i + 1]),
    );
  }
  if (typeof data[0] !== 'bigint') return Array.from(data as Float64Array);
  return Array.from(data as BigInt64Array, (value) => {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  });
}

/** Elements in row-major order as nested arrays of `shape`. */
export function nest(elements: Element[], shape: number[]): NestedArray {
  if (shape.length === 0) return elements[0] as Element;
  let level: NestedArray[] = elements;
  for (let d = shape.length - 1; d > 0; d--) {
    const size = shape[d] as number;
    const count = shape.slice(0, d).reduce((product, n) => product * n, 1);
    level = Array.from({ length: count }, (_, i) => level.slice(i * size, (i + 1) * size));
  }
  return level;
}
