import { describe, expect, it } from 'vitest';
import { empty, fromBuffer, ones, ops, tensor } from '../../lib/tensor/index.ts';
import { errorOf, message, withScope } from '../helpers/index.ts';

const { aten } = ops;
const whole = () => tensor([1, 2], { dtype: 'int64' });

describe('a number beside a tensor', () => {
  it(
    'is wrapped as in Python, so that half precision does not overflow',
    withScope(() => {
      const x = () => tensor([0.001, 0, 2], { dtype: 'float16' });
      const python = [1000.5, 0, Infinity];
      expect(x().mul_(1e6).toArray()).toEqual(python);
      expect(aten.mul_(x(), 1e6).toArray()).toEqual(python);
      expect(aten.mul_.Tensor(x(), 1e6).toArray()).toEqual(python);
      expect(x().multiply_(1e6).toArray()).toEqual(python);
      expect(x().mul(1e6).toArray()).toEqual(python);
    }),
  );

  it(
    'may stand for the tensor wherever Python takes one, and yields to its dtype',
    withScope(() => {
      expect(aten.add.Tensor(ones([2]), 3).toArray()).toEqual([4, 4]);
      expect(ones([2]).copy_(3).toArray()).toEqual([3, 3]);
      expect(whole().floorDivide(2).dtype).toBe('int64');
      expect(whole().div(2, { roundingMode: 'floor' }).toArray()).toEqual([0, 1]);
      expect(whole().add(true).toArray()).toEqual([2, 3]);
      expect(ones([1], { dtype: 'bfloat16' }).add(0.1).dtype).toBe('bfloat16');
      expect(tensor([1, 2], { requiresGrad: true }).mul(2).gradFn).toBe('MulBackward0');
    }),
  );

  it(
    'may come first, as in Python',
    withScope(() => {
      expect(aten.sub(1, tensor([0.25, 4])).toArray()).toEqual([0.75, -3]);
      expect(aten.sub.Tensor(10, whole()).dtype).toBe('int64');
      expect(aten.mul(2.5, whole()).toArray()).toEqual([2.5, 5]);
      expect(aten.div(1, tensor([4], { dtype: 'float16' })).dtype).toBe('float16');
      expect(aten.floor_divide(7, whole()).toArray()).toEqual([7, 3]);
      expect(aten.add(2, 3).toArray()).toBe(5);
      expect(aten.to.dtype(-3.125, 'float32').dtype).toBe('float32');
      expect(aten._to_copy(2, { dtype: 'float64' }).toArray()).toBe(2);
      const x = tensor([2, 4], { requiresGrad: true });
      aten.div(1, x).sum().backward();
      expect(x.grad?.toArray()).toEqual([-0.25, -0.0625]);
      expect(message(() => aten.add_(2 as never, whole()))).toContain('TypeError');
    }),
  );

  it(
    '-0 is an integer beside integers, and keeps its sign among floats',
    withScope(() => {
      const start = 0;
      expect(whole().add(-start).dtype).toBe('int64');
      expect(whole().mul(-start).toArray()).toEqual([0, 0]);
      expect(whole().pow(-0).dtype).toBe('int64');
      expect(whole().add(whole(), { alpha: -0 }).dtype).toBe('int64');
      expect(aten.full([1], -0).dtype).toBe('int64');
      expect(Object.is(tensor([1]).mul(-0).item(), -0)).toBe(true);
      expect(Object.is(tensor([1]).fill_(-0).item(), -0)).toBe(true);
      expect(Object.is(tensor([1]).setIndex([0], -0).item(), -0)).toBe(true);
    }),
  );

  it(
    'a bigint up to 2^64 is one of uint64',
    withScope(() => {
      const u = tensor([2n ** 64n - 1n, 2n ** 63n], { dtype: 'uint64' });
      expect(u.eq(u.index(0).item()).toArray()).toEqual([true, false]);
      expect(u.fill_(2n ** 63n).toArray()).toEqual([2n ** 63n, 2n ** 63n]);
      expect(message(() => u.eq(2n ** 64n))).toMatchInlineSnapshot(
        `"RangeError: Expected a 64-bit integer for aten::eq.Scalar argument "other", got 18446744073709551616"`,
      );
      expect(message(() => u.eq(-(2n ** 63n) - 1n))).toMatchInlineSnapshot(
        `"RangeError: Expected a 64-bit integer for aten::eq.Scalar argument "other", got -9223372036854775809"`,
      );
    }),
  );
});

describe('the overload for other arguments', () => {
  it(
    'is the first that fits in the order of registration, as in Python',
    withScope(() => {
      // By name, float_out would come first: it throws a coin whatever the probabilities.
      const [zeros, sure] = [aten.zeros([64]), ones([64])];
      expect(
        aten
          .bernoulli(zeros, { out: empty([0]) })
          .sum()
          .item(),
      ).toBe(0);
      expect(
        aten
          .bernoulli(sure, { out: empty([0]) })
          .sum()
          .item(),
      ).toBe(64);
    }),
  );

  it(
    'set_ tells a tensor from a storage, in any order of calls',
    withScope(() => {
      const source = tensor([3, 4, 5, 6]).reshape([2, 2]);
      for (let i = 0; i < 2; i++) {
        expect(tensor([1]).set_(source).shape).toEqual([2, 2]);
        expect(tensor([1]).set_(source.untypedStorage()).shape).toEqual([4]);
        expect(tensor([1]).set_(source.untypedStorage(), 1, [2], [1]).toArray()).toEqual([4, 5]);
      }
      expect(message(() => aten.set_.source_Storage(tensor([1]), source as never))).toContain('source');
    }),
  );

  it(
    'methods of one list of integers take them one by one',
    withScope(() => {
      const x = tensor([0, 1, 2, 3, 4, 5]);
      expect([x.view(-1).shape, x.view(2, 3).shape, x.view(2n, -1).shape]).toEqual([[6], [2, 3], [2, 3]]);
      expect(x.reshape(3, 2).permute(1, 0).shape).toEqual([2, 3]);
      expect(x.view(1, 6).expand(4, -1).shape).toEqual([4, 6]);
      expect([x.repeat(2).shape, x.flip(0).toArray()]).toEqual([[12], [5, 4, 3, 2, 1, 0]]);
      expect([x.view([2, 3]).shape, x.view('int32').dtype]).toEqual([[2, 3], 'int32']);
      expect(message(() => x.view(4, 2))).toContain("shape '[4, 2]' is invalid");
      expect(message(() => (x.view as (...sizes: unknown[]) => unknown)(2, 'three'))).toContain('TypeError');
    }),
  );
});

describe('libtorch errors', () => {
  it(
    'keep the kind that Python gives them, as a code',
    withScope(() => {
      const x = ones([2]);
      const codes = [
        () => x.indexSelect(0, tensor([5], { dtype: 'int64' })),
        () => x.transpose(0, 3),
        () => empty([2], { dtype: 'bits8' }).add(1),
        () => x.quantile(2),
        () => aten.linalg_inv(aten.zeros([2, 2])),
        () => x.view([3]),
      ].map((fail) => (errorOf(fail) as Error & { code: string }).code);
      expect(codes).toEqual([
        'ERR_TORCH_INDEX',
        'ERR_TORCH_INDEX',
        'ERR_TORCH_NOT_IMPLEMENTED',
        'ERR_TORCH',
        'ERR_TORCH_LINALG',
        'ERR_TORCH',
      ]);
    }),
  );

  it(
    'print numbers as they were written',
    withScope(() => {
      const call = ones([2]).reshape as (shape: unknown[]) => unknown;
      for (const [number, text] of [
        [1.5, '1.5'],
        [1e21, '1e+21'],
        [Number.NaN, 'NaN'],
        [2n ** 64n, '18446744073709551616'],
      ] as const)
        expect(message(() => call.call(ones([2]), [1, number]))).toContain(`got ${text}`);
    }),
  );
});

describe('dtypes', () => {
  it(
    'of bits, of less than a byte and quantized ones have names both ways',
    withScope(() => {
      const bytes = ones([4], { dtype: 'uint8' });
      const packed = ['bits1x8', 'bits2x4', 'bits4x2', 'bits8', 'bits16', 'float4_e2m1fn_x2'] as const;
      for (const dtype of [...packed, 'uint1', 'uint7', 'int1', 'int4'] as const)
        expect(aten.view.dtype(bytes, dtype).dtype).toBe(dtype);
      for (const dtype of ['quint4x2', 'quint2x4'] as const)
        expect(aten.promote_types(dtype, dtype)).toBe(dtype);
    }),
  );

  it(
    'bits take the bytes of a buffer',
    withScope(() => {
      const bits = fromBuffer(new Uint8Array([7, 8]), { dtype: 'bits8', shape: [2] } as never);
      expect([bits.dtype, [...(bits.data() as Uint8Array)]]).toEqual(['bits8', [7, 8]]);
    }),
  );
});
