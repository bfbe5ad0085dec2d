import { describe, expect, it } from 'vitest';
import { Complex, type DType, fromBuffer, ops, tensor } from '../../lib/tensor/index.ts';
import { collectGarbage, message, withScope } from '../helpers/index.ts';

const { aten } = ops;

describe('fromBuffer shares memory', () => {
  it(
    'writes on either side show on the other',
    withScope(() => {
      const data = new Float32Array([1, 2, 3, 4, 5, 6]);
      const x = fromBuffer(data, { shape: [2, 3] });
      x.mul_(10);
      expect([...data]).toEqual([10, 20, 30, 40, 50, 60]);
      data[5] = -1;
      expect(x.index(1, 2).item()).toBe(-1);
    }),
  );

  it(
    'takes Buffers, ArrayBuffers, parts of them, offsets and other dtypes',
    withScope(() => {
      expect(fromBuffer(Buffer.from([1, 2])).dtype).toBe('uint8');
      expect(fromBuffer(new ArrayBuffer(3)).shape).toEqual([3]);
      const bytes = new Uint8Array(16);
      new DataView(bytes.buffer).setFloat32(8, 1.5, true);
      expect(fromBuffer(bytes, { dtype: 'float32', offset: 4 }).toArray()).toEqual([0, 1.5, 0]);
      expect(fromBuffer(bytes, { dtype: 'float32', offset: 8, shape: [1] }).item()).toBe(1.5);
      expect(fromBuffer(new Float32Array([9, 1, 2]).subarray(1)).toArray()).toEqual([1, 2]);
      expect(fromBuffer(new Uint16Array([0x3f80, 0xc000]), { dtype: 'bfloat16' }).toArray()).toEqual([1, -2]);
      expect(fromBuffer(new Uint8Array([0, 1]), { dtype: 'bool' }).toArray()).toEqual([false, true]);
      expect(fromBuffer(new Float32Array([1, 2]), { dtype: 'complex64' }).toArray()).toEqual([
        new Complex(1, 2),
      ]);
      expect(fromBuffer(new Float32Array(0)).shape).toEqual([0]);
      expect(fromBuffer(new Float32Array(1), { shape: [] }).shape).toEqual([]);
      expect(fromBuffer(new Float32Array(new SharedArrayBuffer(8))).shape).toEqual([2]);
    }),
  );

  it('keeps the buffer alive, views of it and results included', async () => {
    const make = () => fromBuffer(new Float32Array(1_000_000).fill(1));
    const x = make();
    const view = make().narrow(0, 10, 5);
    await collectGarbage();
    expect([x.sum().item(), view.sum().item()]).toEqual([1_000_000, 5]);
    x.dispose();
    view.dispose();
  });

  it('refuses what does not fit', () => {
    const floats = new Float32Array(4);
    expect(message(() => fromBuffer(floats, { shape: [5] }))).toMatchInlineSnapshot(
      `"RangeError: Expected a buffer of at least 20 bytes from offset 0, got one of 16 bytes"`,
    );
    expect(message(() => fromBuffer(floats, { shape: [2 ** 50, 2 ** 50] }))).toMatchInlineSnapshot(
      `"RangeError: Expected sizes of at least 0 for "shape", got a size of 1125899906842624"`,
    );
    expect(message(() => fromBuffer(floats, { shape: [-1] }))).toMatchInlineSnapshot(
      `"RangeError: Expected sizes of at least 0 for "shape", got a size of -1"`,
    );
    expect(message(() => fromBuffer(floats, { offset: 20, shape: [0] }))).toMatchInlineSnapshot(
      `"RangeError: Expected a buffer of at least 0 bytes from offset 20, got one of 16 bytes"`,
    );
    expect(message(() => fromBuffer(floats, { offset: -4, shape: [1] }))).toMatchInlineSnapshot(
      `"RangeError: Expected an offset of at least 0, got -4"`,
    );
    expect(message(() => fromBuffer([1, 2] as never))).toMatchInlineSnapshot(
      `"TypeError: Expected a typed array, Buffer or ArrayBuffer for fromBuffer, got an array; use tensor() for numbers"`,
    );
    expect(message(() => fromBuffer(new DataView(new ArrayBuffer(8)) as never))).toMatchInlineSnapshot(
      `"TypeError: Expected a TypedArray, Buffer or ArrayBuffer for "data", got an object"`,
    );
    expect(message(() => fromBuffer(floats, { dtype: 'qint8' }))).toMatchInlineSnapshot(
      `"RangeError: Expected a dtype that is not quantized for "dtype", got "qint8""`,
    );
  });

  it('refuses memory that is not aligned, which tensor() copies', () => {
    const bytes = new Uint8Array(16);
    expect(
      message(() => fromBuffer(bytes, { dtype: 'float32', offset: 1, shape: [2] })),
    ).toMatchInlineSnapshot(
      `"RangeError: Expected memory aligned to the dtype's size for "offset", got an unaligned address; use tensor(), which copies"`,
    );
    const pair = new Float32Array(5).subarray(1);
    expect(message(() => fromBuffer(pair, { dtype: 'complex64' }))).toContain('aligned');
  });

  it('refuses buffers that can shrink', () => {
    const buffer = Reflect.construct(ArrayBuffer, [8, { maxByteLength: 16 }]) as ArrayBuffer;
    expect(message(() => fromBuffer(buffer))).toMatchInlineSnapshot(
      `"TypeError: Expected memory of fixed size for fromBuffer, got a resizable ArrayBuffer; use tensor(), which copies"`,
    );
    expect(message(() => fromBuffer(new Float32Array(buffer)))).toContain('resizable');
    const x = tensor(new Float32Array(buffer));
    expect(x.shape).toEqual([2]);
    x.dispose();
  });

  it(
    'cannot be resized beyond its buffer',
    withScope(() => {
      const x = fromBuffer(new Float32Array(4));
      expect(message(() => aten.resize_(x, [100]))).toMatchInlineSnapshot(
        `"TorchError: aten::resize_: Trying to resize storage that is not resizable"`,
      );
      expect(aten.resize_(x, [2]).shape).toEqual([2]);
    }),
  );

  it.each<DType>(['float32', 'int64', 'bool', 'complex128'])('reads as %s what it holds', (dtype) => {
    const data = new Uint8Array(32).fill(1);
    const x = fromBuffer(data, { dtype });
    expect([...new Uint8Array(x.data().buffer)]).toEqual([...data]);
    x.dispose();
  });
});
