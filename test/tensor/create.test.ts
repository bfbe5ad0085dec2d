import { describe, expect, it } from 'vitest';
import {
  arange,
  Complex,
  cat,
  empty,
  emptyLike,
  eye,
  full,
  fullLike,
  isTensor,
  linspace,
  memoryStats,
  ones,
  onesLike,
  randLike,
  randnLike,
  stack,
  Tensor,
  tensor,
  where,
  zeros,
  zerosLike,
} from '../../lib/tensor/index.ts';
import { collectGarbage, message, withScope } from '../helpers/index.ts';

const facts = (x: Tensor) => ({ dtype: x.dtype, shape: x.shape, values: x.toArray() });

describe('creation from nested arrays', () => {
  it(
    'numbers give float32, whatever they are',
    withScope(() => {
      expect(facts(tensor(3))).toEqual({ dtype: 'float32', shape: [], values: 3 });
      expect(facts(tensor([1, 2]))).toEqual({ dtype: 'float32', shape: [2], values: [1, 2] });
      expect(facts(tensor([[1.5], [2]]))).toEqual({ dtype: 'float32', shape: [2, 1], values: [[1.5], [2]] });
      expect(tensor([[[1], [2]]]).shape).toEqual([1, 2, 1]);
      expect(tensor([]).shape).toEqual([0]);
      expect(tensor([[], []]).shape).toEqual([2, 0]);
    }),
  );

  it(
    'bigints, booleans and complex numbers have dtypes of their own',
    withScope(() => {
      expect(facts(tensor([1n, 2n ** 60n]))).toEqual({ dtype: 'int64', shape: [2], values: [1, 2n ** 60n] });
      expect(facts(tensor([true, false]))).toEqual({ dtype: 'bool', shape: [2], values: [true, false] });
      expect(facts(tensor([new Complex(1, 2), 3]))).toEqual({
        dtype: 'complex64',
        shape: [2],
        values: [new Complex(1, 2), new Complex(3, 0)],
      });
      expect(tensor([1, 2n]).dtype).toBe('float32');
      expect(tensor([true, 2]).dtype).toBe('float32');
    }),
  );

  it(
    'the dtype asked for converts',
    withScope(() => {
      expect(facts(tensor([1.7, -1.7], { dtype: 'int64' })).values).toEqual([1, -1]);
      expect(facts(tensor([0, 2, Number.NaN], { dtype: 'bool' })).values).toEqual([false, true, true]);
      expect(facts(tensor([true, 1n], { dtype: 'float64' })).values).toEqual([1, 1]);
      expect(facts(tensor([1], { dtype: 'complex128' })).values).toEqual([new Complex(1, 0)]);
      expect(facts(tensor([2n ** 64n - 1n], { dtype: 'uint64' })).values).toEqual([2n ** 64n - 1n]);
      expect(facts(tensor([0.1], { dtype: 'float64' })).values).toEqual([0.1]);
      expect(facts(tensor([Infinity, -0], { dtype: 'float16' })).values).toEqual([Infinity, -0]);
    }),
  );

  it('ragged arrays and foreign elements are refused', () => {
    expect(message(() => tensor([[1, 2], [3]]))).toMatchInlineSnapshot(
      `"TypeError: Expected nested arrays of equal length for tensor, got an array of 1 among arrays of 2 at depth 1"`,
    );
    expect(message(() => tensor([[1], 2]))).toMatchInlineSnapshot(
      `"TypeError: Expected nested arrays of equal length for tensor, got 2 among arrays of 1 at depth 1"`,
    );
    expect(message(() => tensor([1, [2]]))).toMatchInlineSnapshot(
      `"TypeError: Expected nested arrays of equal length for tensor, got an array of 1 among elements at depth 1"`,
    );
    expect(message(() => tensor(['a'] as never))).toMatchInlineSnapshot(
      `"TypeError: Expected numbers, bigints, booleans or Complex in tensor, got a string"`,
    );
    expect(message(() => tensor([null] as never))).toMatchInlineSnapshot(
      `"TypeError: Expected numbers, bigints, booleans or Complex in tensor, got null"`,
    );
    expect(message(() => tensor(undefined as never))).toMatchInlineSnapshot(
      `"TypeError: Expected numbers, bigints, booleans or Complex in tensor, got undefined"`,
    );
    expect(message(() => tensor({ a: 1 } as never))).toMatchInlineSnapshot(
      `"TypeError: Expected numbers, bigints, booleans or Complex in tensor, got an object of class Object"`,
    );
    expect(message(() => tensor(new DataView(new ArrayBuffer(4)) as never))).toMatchInlineSnapshot(
      `"TypeError: Expected a typed array for tensor, got an object of class DataView"`,
    );
  });

  it('integers out of range are refused, not wrapped', () => {
    expect(message(() => tensor([256], { dtype: 'uint8' }))).toMatchInlineSnapshot(
      `"RangeError: Expected 0 to 255 for dtype "uint8", got 256"`,
    );
    expect(message(() => tensor([2n ** 63n]))).toMatchInlineSnapshot(
      `"RangeError: Expected -9223372036854775808 to 9223372036854775807 for dtype "int64", got 9223372036854775808"`,
    );
    expect(message(() => tensor([Number.NaN], { dtype: 'int32' }))).toMatchInlineSnapshot(
      `"RangeError: Expected integers for dtype "int32", got NaN"`,
    );
    expect(message(() => tensor([new Complex(1, 1)], { dtype: 'float32' }))).toMatchInlineSnapshot(
      `"TypeError: Expected a complex dtype for Complex elements, got "float32""`,
    );
  });

  it('unknown options and dtypes are refused', () => {
    expect(message(() => tensor([1], { dType: 'int64' } as never))).toMatchInlineSnapshot(
      `"RangeError: Expected a known option for a new tensor, got "dType"; did you mean dtype?"`,
    );
    expect(message(() => zeros([1], { requires_grad: true } as never))).toMatchInlineSnapshot(
      `"RangeError: Expected a known option for a new tensor, got "requires_grad"; did you mean requiresGrad?"`,
    );
    expect(message(() => tensor([1], { dtype: 'double' as never }))).toContain('got "double"');
    expect(message(() => tensor([1], { dtype: 'int64', requiresGrad: true }))).toMatchInlineSnapshot(
      `"TorchError: Expected a floating-point or complex tensor for requiresGrad_, got one of whole numbers or booleans"`,
    );
  });

  it('a refused creation leaves nothing behind', async () => {
    await collectGarbage();
    const before = memoryStats().tensors;
    for (let i = 0; i < 50; i++) {
      expect(() => tensor([1, 2], { dtype: 'no' as never })).toThrow();
      expect(() => tensor([1, 2], { device: 'gpu' })).toThrow();
    }
    expect(memoryStats().tensors).toBe(before);
  });
});

describe('creation from typed arrays and tensors', () => {
  it(
    'typed arrays keep their type and are copied',
    withScope(() => {
      const source = new Int16Array([1, -2, 3]);
      const x = tensor(source);
      source[0] = 99;
      expect(facts(x)).toEqual({ dtype: 'int16', shape: [3], values: [1, -2, 3] });
      expect(facts(tensor(Buffer.from([255])))).toEqual({ dtype: 'uint8', shape: [1], values: [255] });
      expect(tensor(new Uint8ClampedArray([1])).dtype).toBe('uint8');
      expect(tensor(new BigUint64Array([1n])).dtype).toBe('uint64');
      expect(tensor(new Float64Array([0.1]), { dtype: 'float32' }).dtype).toBe('float32');
      expect(tensor(new Float32Array(8).subarray(3, 5)).shape).toEqual([2]);
    }),
  );

  it(
    'a tensor is copied and cut off from its graph',
    withScope(() => {
      const x = tensor([1, 2], { requiresGrad: true });
      const copy = tensor(x.mul(2), { dtype: 'float64' });
      expect([copy.dtype, copy.requiresGrad, copy.toArray()]).toEqual(['float64', false, [2, 4]]);
      expect(tensor(x).untypedStorage().dataPtr()).not.toBe(x.untypedStorage().dataPtr());
    }),
  );
});

describe('factories', () => {
  it(
    'fill, count and space',
    withScope(() => {
      expect(facts(zeros([2]))).toEqual({ dtype: 'float32', shape: [2], values: [0, 0] });
      expect(facts(ones([1, 2], { dtype: 'int32' }))).toEqual({
        dtype: 'int32',
        shape: [1, 2],
        values: [[1, 1]],
      });
      expect(facts(full([2], 7))).toEqual({ dtype: 'float32', shape: [2], values: [7, 7] });
      expect(full([2], 7n).dtype).toBe('int64');
      expect(full([2], true).dtype).toBe('bool');
      expect(facts(arange(3))).toEqual({ dtype: 'int64', shape: [3], values: [0, 1, 2] });
      expect(facts(arange(1, 2.5, 0.5))).toEqual({ dtype: 'float32', shape: [3], values: [1, 1.5, 2] });
      expect(arange(4, { dtype: 'float64' }).dtype).toBe('float64');
      expect(arange(5, 1, -2).toArray()).toEqual([5, 3]);
      expect(arange(1, 3, { dtype: 'float16' }).toArray()).toEqual([1, 2]);
      expect(linspace(0, 1, 5).toArray()).toEqual([0, 0.25, 0.5, 0.75, 1]);
      expect(eye(2, 3).toArray()).toEqual([
        [1, 0, 0],
        [0, 1, 0],
      ]);
      expect(empty([2, 3, 4, 5], { memoryFormat: 'channels_last' }).stride()).toEqual([60, 1, 15, 3]);
      expect(ones([1], { requiresGrad: true }).requiresGrad).toBe(true);
    }),
  );

  it(
    'take their shape from another tensor',
    withScope(() => {
      const x = tensor([[1, 2]], { dtype: 'float64' });
      for (const like of [zerosLike, onesLike, emptyLike, randLike, randnLike]) {
        expect([like(x).dtype, like(x).shape]).toEqual(['float64', [1, 2]]);
      }
      expect(fullLike(x, 5, { dtype: 'int64' }).toArray()).toEqual([[5, 5]]);
      const channelsLast = zeros([1, 2, 3, 3]).to({ memoryFormat: 'channels_last' });
      expect(zerosLike(channelsLast).stride()).toEqual(channelsLast.stride());
    }),
  );

  it(
    'join',
    withScope(() => {
      const [a, b] = [tensor([1, 2]), tensor([3, 4])];
      expect(cat([a, b]).toArray()).toEqual([1, 2, 3, 4]);
      expect(stack([a, b], 1).toArray()).toEqual([
        [1, 3],
        [2, 4],
      ]);
      expect(where(a.gt(1), a, b).toArray()).toEqual([3, 2]);
    }),
  );

  it(
    'isTensor knows tensors of this package only',
    withScope(() => {
      const values = [tensor(1), null, undefined, 3, {}, [], Object.create(Tensor.prototype)];
      expect(values.map(isTensor)).toEqual([true, false, false, false, false, false, false]);
    }),
  );
});
