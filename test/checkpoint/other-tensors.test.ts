import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { load, save } from '../../lib/checkpoint/index.ts';
import { OPCODES as OP } from '../../lib/checkpoint/pickle/opcodes.ts';
import type { Tensor } from '../../lib/tensor/index.ts';
import { tmp } from '../helpers/index.ts';
import {
  call,
  dict,
  global,
  int,
  long,
  type Piece,
  pickle,
  storage,
  tensor,
  text,
  tuple,
  zip,
} from './forge.ts';

const floats = Buffer.from(Float32Array.of(1, 2, 3, 4).buffer);
const longs = (...values: number[]) => Buffer.from(BigInt64Array.from(values.map(BigInt)).buffer);

/** A checkpoint of `k` beside nothing, with storages by key. */
function file(object: Piece, storages: Record<string, Uint8Array>): Uint8Array {
  const entries = Object.entries(storages).map(([key, bytes]) => [`a/data/${key}`, bytes]);
  return zip({ 'a/data.pkl': pickle(dict(text('k'), object)), ...Object.fromEntries(entries) });
}

const vector = (key: string, type: string, length: number) =>
  tensor(storage(int(length), { key, type }), int(0), tuple(int(length)), tuple(int(1)));
const table = (key: string, rows: number, columns: number) =>
  tensor(
    storage(int(rows * columns), { key, type: 'LongStorage' }),
    int(0),
    tuple(int(rows), int(columns)),
    tuple(int(columns), int(1)),
  );

const utils = (name: string, ...args: Piece[]) => call(global('torch._utils', name), ...args);

describe('nested tensors', () => {
  const nested = (sizes: number[], strides: number[], offsets: number[]) =>
    file(
      utils(
        '_rebuild_nested_tensor',
        vector('0', 'FloatStorage', 4),
        table('1', 2, 1),
        table('2', 2, 1),
        vector('3', 'LongStorage', 2),
      ),
      { 0: floats, 1: longs(...sizes), 2: longs(...strides), 3: longs(...offsets) },
    );

  it('have components in the buffer', () => {
    const { k } = load<{ k: Tensor }>(nested([1, 3], [1, 1], [0, 1]));
    expect(k.unbind().map((part) => part.toArray())).toEqual([[1], [2, 3, 4]]);
  });

  it.each([
    ['a size past its end', [1, 4], [1, 1], [0, 1]],
    ['a stride past its end', [1, 3], [1, 2], [0, 1]],
    ['an offset past its end', [1, 1], [1, 1], [0, 4]],
    ['a negative offset', [1, 1], [1, 1], [0, -1]],
    ['a negative stride', [1, 3], [1, -1], [0, 3]],
    ['a negative size', [1, -3], [1, 1], [0, 1]],
  ])('with %s are refused', (_, sizes, strides, offsets) => {
    expect(() => load(nested(sizes, strides, offsets))).toThrow(
      /a nested tensor that cannot be made: .* at "k"$/,
    );
  });
});

describe('sparse tensors', () => {
  const layout = call(global('torch.serialization', '_get_layout'), text('torch.sparse_coo'));
  const coo = (index: number) =>
    file(
      utils(
        '_rebuild_sparse_tensor',
        layout,
        tuple(table('1', 1, 1), vector('0', 'FloatStorage', 1), tuple(int(3)), OP.NEWTRUE),
      ),
      { 0: floats.subarray(0, 4), 1: longs(index) },
    );

  it('have their indices in their size', () => {
    expect(load<{ k: Tensor }>(coo(2)).k.toDense().toArray()).toEqual([0, 0, 1]);
    for (const index of [3, -1]) {
      expect(() => load(coo(index))).toThrow(/a coo tensor that cannot be made: .* at "k"$/);
    }
  });
});

describe('quantized tensors', () => {
  const quantized = (size: Piece, stride: Piece, quantizer: Piece, more: Record<string, Uint8Array> = {}) => {
    const stored = storage(int(4), { type: 'QInt8Storage' });
    const hooks = call(global('collections', 'OrderedDict'));
    return file(utils('_rebuild_qtensor', stored, int(0), size, stride, quantizer, OP.NEWFALSE, hooks), {
      0: Buffer.from([1, 2, 3, 4]),
      ...more,
    });
  };
  const half: Piece = [OP.BINFLOAT, Buffer.from('3fe0000000000000', 'hex')];
  const affine = tuple(global('torch', 'per_tensor_affine'), half, int(1));

  it('lie in their storage, expanded ones too', () => {
    const { k } = load<{ k: Tensor }>(quantized(tuple(int(4)), tuple(int(1)), affine));
    expect([k.dtype, k.dequantize().toArray()]).toEqual(['qint8', [0, 0.5, 1, 1.5]]);
    const expanded = load<{ k: Tensor }>(
      quantized(tuple(long(2n ** 40n), int(1)), tuple(int(0), int(1)), affine),
    );
    expect(expanded.k.shape).toEqual([2 ** 40, 1]);
    expect(() => load(quantized(tuple(int(5)), tuple(int(1)), affine))).toThrow('reaches past its storage');
  });

  it('have as many scales as channels', () => {
    const scales = vector('1', 'DoubleStorage', 2);
    const zeros = vector('2', 'LongStorage', 2);
    const channels = tuple(global('torch', 'per_channel_affine'), scales, zeros, int(0));
    const more = { 1: Buffer.from(Float64Array.of(1, 2).buffer), 2: longs(0, 0) };
    const { k } = load<{ k: Tensor }>(
      quantized(tuple(int(2), int(2)), tuple(int(2), int(1)), channels, more),
    );
    expect(k.dequantize().toArray()).toEqual([
      [1, 2],
      [6, 8],
    ]);
    expect(() => load(quantized(tuple(int(4)), tuple(int(1)), channels, more))).toThrow(
      'scales and zero points that do not fit axis 0 of [4]',
    );
  });
});

describe('tensors of other devices', () => {
  it('are not expanded into memory that the file does not have', () => {
    const one = tensor(storage(int(1)), int(0), tuple(long(2n ** 40n)), tuple(int(0)));
    const cast = utils(
      '_rebuild_device_tensor_from_cpu_tensor',
      one,
      global('torch', 'float64'),
      text('cpu'),
      OP.NEWFALSE,
    );
    expect(() => load(file(cast, { 0: floats.subarray(0, 4) }))).toThrow(
      'more copies of its bytes than a checkpoint has',
    );
  });

  it('on meta have no memory, whatever their size', () => {
    const size = tuple(long(2n ** 40n));
    const meta = (dtype: string) =>
      utils('_rebuild_meta_tensor_no_storage', global('torch', dtype), size, tuple(int(1)), OP.NEWFALSE);
    expect(load<{ k: Tensor }>(file(meta('float16'), {})).k.shape).toEqual([2 ** 40]);
    expect(load<{ k: object }>(file(meta('uint4'), {})).k).toMatchObject({
      className: 'torch.Tensor',
      state: { dtype: 'uint4' },
    });
  });
});

describe('dtypes without arithmetic', () => {
  const untyped = (bytes: number): Piece => [
    tuple(text('storage'), global('torch.storage', 'UntypedStorage'), text('0'), text('cpu'), int(bytes)),
    OP.BINPERSID,
  ];
  const bits = (dtype: string, count: number) => {
    const hooks = call(global('collections', 'OrderedDict'));
    const shape = [int(0), tuple(int(count)), tuple(int(1)), OP.NEWFALSE, hooks];
    return file(utils('_rebuild_tensor_v3', untyped(4), ...shape, global('torch', dtype)), {
      0: Buffer.of(1, 2, 3, 255),
    });
  };

  it.each([
    ['bits8', [1, 2, 3, 255]],
    ['bits1x8', [1, 2, 3, 255]],
    ['bits2x4', [1, 2, 3, 255]],
    ['bits4x2', [1, 2, 3, 255]],
    ['float4_e2m1fn_x2', [1, 2, 3, 255]],
    ['bits16', [0x201, 0xff03]],
  ])('are read, written and printed as they lie: %s', (dtype, elements) => {
    const { k } = load<{ k: Tensor }>(bits(dtype, elements.length));
    const path = join(tmp(), 'bits.pth');
    save({ k }, path);
    const again = load<{ k: Tensor }>(path).k;
    for (const tensor of [k, again]) {
      expect([tensor.dtype, Array.from(tensor.data(), Number)]).toEqual([dtype, elements]);
      expect(String(tensor)).toMatch(new RegExp(`^tensor\\(\\[ *${elements[0]}.*dtype=torch.${dtype}\\)$`));
    }
  });
});

describe('tensors that BUILD fills', () => {
  it('as PyTorch 0.1 wrote them, and Parameters by their class', () => {
    const state = tuple(storage(int(4)), int(0), tuple(int(2), int(2)), tuple(int(2), int(1)));
    const old = [call(global('torch', 'FloatTensor')), state, OP.BUILD] as Piece;
    expect(load<{ k: Tensor }>(file(old, { 0: floats })).k.toArray()).toEqual([
      [1, 2],
      [3, 4],
    ]);
    const parameter = call(global('torch.nn.parameter', 'Parameter'), vector('0', 'FloatStorage', 4));
    expect(load<{ k: Tensor }>(file(parameter, { 0: floats })).k.requiresGrad).toBe(true);
    expect(() => load(file(call(global('torch', 'FloatTensor')), {}))).toThrow(
      'a tensor that was never filled at "k"',
    );
  });
});
