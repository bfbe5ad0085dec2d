import { describe, expect, it } from 'vitest';
import {
  Complex,
  type DType,
  fromBuffer,
  isComplex,
  type NestedArray,
  ops,
  scope,
  type TypedArray,
  tensor,
} from '../../lib/tensor/index.ts';
import { fixture, type Numbers, withScope } from '../helpers/index.ts';

interface DTypeCase {
  dtype: DType;
  itemsize: number;
  values: Numbers['data'];
  bytes: number[];
}
const cases = fixture<DTypeCase[]>('tensor/dtypes.json');
const inputs = [0, 1, 2.75, 100];

function bytesOf(data: TypedArray): number[] {
  return [...new Uint8Array(data.buffer, data.byteOffset, data.byteLength)];
}

function plain(value: NestedArray): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Complex) return [value.re, value.im];
  return Number.isNaN(value) ? 'nan' : value;
}

describe('dtypes', () => {
  it('are all in the fixture', () => {
    expect(cases.map(({ dtype }) => dtype)).toHaveLength(21);
  });

  it.each(cases)('$dtype has the bits of PyTorch and comes back', ({ dtype, itemsize, values, bytes }) => {
    scope(() => {
      const x = tensor(inputs, { dtype: 'float64' }).to(dtype);
      expect([x.dtype, x.itemsize, bytesOf(x.data())]).toEqual([dtype, itemsize, bytes]);
      expect(plain(x.toArray())).toEqual(values);
      const again = fromBuffer(Uint8Array.from(bytes), { dtype, shape: [inputs.length] });
      expect([again.dtype, bytesOf(again.data())]).toEqual([dtype, bytes]);
      if (dtype !== 'complex32') expect(again.equal(x)).toBe(!values.includes('nan'));
      expect(again.reshape([2, 2]).t().contiguous().toArray()).toHaveLength(2);
    });
  });

  it.each(cases)('$dtype is made from its own elements', ({ dtype, values, bytes }) => {
    scope(() => {
      const elements = values.map((value) =>
        Array.isArray(value) ? new Complex(value[0], value[1]) : value === 'nan' ? Number.NaN : value,
      );
      const x = tensor(elements as NestedArray, { dtype });
      expect([x.dtype, bytesOf(x.data())]).toEqual([dtype, bytes]);
    });
  });

  it(
    'data() gives a typed array of the dtype, a copy in row-major order',
    withScope(() => {
      const names: Partial<Record<DType, string>> = {
        float32: 'Float32Array',
        float64: 'Float64Array',
        int64: 'BigInt64Array',
        uint64: 'BigUint64Array',
        int32: 'Int32Array',
        uint32: 'Uint32Array',
        int16: 'Int16Array',
        uint16: 'Uint16Array',
        int8: 'Int8Array',
        uint8: 'Uint8Array',
        bool: 'Uint8Array',
        float16: 'Uint16Array',
        bfloat16: 'Uint16Array',
        complex64: 'Float32Array',
        complex128: 'Float64Array',
        float8_e4m3fn: 'Uint8Array',
      };
      for (const [dtype, name] of Object.entries(names)) {
        const data = tensor([1, 0], { dtype: dtype as DType }).data();
        expect([dtype, data.constructor.name]).toEqual([dtype, name]);
        expect(data).toHaveLength(isComplex(dtype as DType) ? 4 : 2);
      }
      const x = tensor([
        [1, 2],
        [3, 4],
      ]);
      const data = x.t().data();
      expect([...data]).toEqual([1, 3, 2, 4]);
      data[0] = 99;
      expect(x.index(0, 0).item()).toBe(1);
    }),
  );

  it(
    'conjugated, negated and sparse tensors are read by their values',
    withScope(() => {
      const x = tensor([new Complex(1, 2)]);
      expect(x.conj().toArray()).toEqual([new Complex(1, -2)]);
      expect([...x.conj().data()]).toEqual([1, -2]);
      expect(x.conj().imag().toArray()).toEqual([-2]);
      expect([...tensor([0, 5]).toSparse().data()]).toEqual([0, 5]);
      expect(tensor([3]).expand([2, 2]).toArray()).toEqual([
        [3, 3],
        [3, 3],
      ]);
    }),
  );
});

describe('quantized numbers that share a byte', () => {
  const packed = () =>
    ops.aten.quantize_per_channel(tensor([[0, 1, 2, 3]]), tensor([1]), tensor([0]), 0, 'quint4x2');

  it('print, and are refused as elements: half of them lie behind the memory', () => {
    const x = packed();
    expect(String(x)).toMatch(/^tensor\(\[\[0., 1., 2., 3.\]\], size=\(1, 4\)/);
    for (const read of [() => x.data(), () => x.toArray()]) expect(read).toThrow(/whole bytes.*dequantize/);
    expect(x.dequantize().toArray()).toEqual([[0, 1, 2, 3]]);
  });
});
