import { describe } from '../../ops/describe.ts';
import { wrapTensor } from '../../ops/index.ts';
import { native } from '../native.ts';
import type { Tensor } from '../tensor.ts';
import type { IndexArray } from './index-types.ts';

function shapeOf(values: IndexArray): number[] {
  const shape: number[] = [];
  for (let level: unknown = values; Array.isArray(level); level = level[0]) shape.push(level.length);
  return shape;
}

/** Appends the items of `values`, which must be of `shape` from `depth` on. */
function flatten(values: IndexArray, shape: number[], depth: number, out: unknown[]): void {
  if (values.length !== shape[depth]) throw ragged(shape[depth] as number, values.length);
  for (const item of values) {
    if (Array.isArray(item) !== depth + 1 < shape.length) throw ragged(shape[depth + 1], item);
    if (Array.isArray(item)) flatten(item, shape, depth + 1, out);
    else out.push(item);
  }
}

function ragged(expected: number | undefined, got: unknown): TypeError {
  const wanted = expected === undefined ? 'plain items' : `arrays of ${expected}`;
  const found = typeof got === 'number' && expected !== undefined ? `one of ${got}` : describe(got);
  return new TypeError(`Expected nested arrays of equal length as index, got ${found} among ${wanted}`);
}

function toBigInt(value: unknown): bigint {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'boolean' || Number.isInteger(value)) return BigInt(value as number | boolean);
  throw new TypeError(`Expected integers in an index array, got ${describe(value)}`);
}

/**
 * An array as an index tensor, as torch makes one of a list: bool where all items are booleans, else int64, where
 * booleans count 0 and 1. On the CPU, whence the kernels of other devices take indices too.
 */
export function indexTensor(values: IndexArray): Tensor {
  const shape = shapeOf(values);
  const items: unknown[] = [];
  flatten(values, shape, 0, items);
  const isMask = items.length > 0 && items.every((item) => typeof item === 'boolean');
  const data = isMask ? Uint8Array.from(items, Number) : BigInt64Array.from(items, toBigInt);
  return wrapTensor(native.fromCopy(data, isMask ? 'bool' : 'int64', shape)) as Tensor;
}
