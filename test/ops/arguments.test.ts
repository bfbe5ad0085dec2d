import { describe, expect, it } from 'vitest';
import {
  arange,
  Complex,
  Generator,
  manualSeed,
  OpaqueValue,
  ops,
  type Tensor,
  tensor,
  UntypedStorage,
  zeros,
} from '../../lib/tensor/index.ts';
import { message, withScope } from '../helpers/index.ts';

const { aten } = ops;
const loose = aten as unknown as Record<string, Record<string, (...args: unknown[]) => unknown>>;

describe('every argument type crosses', () => {
  it(
    'Generator, as a source of its own',
    withScope(() => {
      const draw = () => aten.rand.generator([4], { generator: new Generator().manualSeed(7) }).toArray();
      manualSeed(7);
      const expected = aten.rand([4]).toArray();
      expect([draw(), draw()]).toEqual([expected, expected]);
      expect(
        zeros([4])
          .uniform_(0, 1, { generator: new Generator().manualSeed(7) })
          .toArray(),
      ).toEqual(expected);
      expect(zeros([2]).uniform_(0, 1, { generator: null }).shape).toEqual([2]);
    }),
  );

  it(
    'Storage',
    withScope(() => {
      const storage = UntypedStorage.fromBytes(new Uint8Array(new Float32Array([1, 2, 3]).buffer));
      const x = zeros([1]);
      expect(aten.set_.source_Storage(x, storage)).toBe(x);
      expect(x.toArray()).toEqual([1, 2, 3]);
      expect(aten.set_.source_Storage_storage_offset(x, storage, 1, [2], [1]).toArray()).toEqual([2, 3]);
    }),
  );

  it(
    'Device, dtype, layout and memory format',
    withScope(() => {
      const x = aten.empty([1, 2, 3, 4], {
        dtype: 'float16',
        device: 'cpu',
        layout: 'strided',
        memory_format: 'channels_last',
        pin_memory: false,
      });
      expect([x.dtype, x.device, x.layout, x.stride()]).toEqual(['float16', 'cpu', 'strided', [24, 1, 8, 2]]);
      expect(aten.empty([2], { device: 'meta' }).device).toBe('meta');
      expect(aten.empty([2, 2], { layout: 'sparse_coo' }).layout).toBe('sparse_coo');
      expect(aten.contiguous(x, { memory_format: 'contiguous_format' }).stride()).toEqual([24, 12, 4, 1]);
      expect(aten.promote_types('int32', 'float16')).toBe('float16');
      expect(aten.result_type(tensor([1], { dtype: 'int64' }), 2.5)).toBe('float32');
    }),
  );

  it(
    'Scalar: whole and broken numbers, bigint, boolean and complex',
    withScope(() => {
      const add = (dtype: 'int64' | 'float32', value: number | bigint | boolean | Complex) => {
        const sum = tensor([1], { dtype }).add(value);
        return [sum.dtype, sum.toArray()];
      };
      expect(add('int64', 2)).toEqual(['int64', [3]]);
      expect(add('int64', 2.5)).toEqual(['float32', [3.5]]);
      expect(add('int64', 2n ** 62n)).toEqual(['int64', [2n ** 62n + 1n]]);
      expect(add('int64', -(2n ** 63n))).toEqual(['int64', [-(2n ** 63n) + 1n]]);
      expect(add('float32', true)).toEqual(['float32', [2]]);
      expect(add('float32', new Complex(0, -2))).toEqual(['complex64', [new Complex(1, -2)]]);
      expect(add('float32', Number.POSITIVE_INFINITY)).toEqual(['float32', [Infinity]]);
      expect(add('int64', 2 ** 53)).toEqual(['float32', [2 ** 53]]);
      expect(Object.is(aten.full([], -0, { dtype: 'float32' }).item(), -0)).toBe(true);
      expect(add('int64', 2n ** 63n)).toEqual(['int64', [-(2n ** 63n) + 1n]]);
      expect(message(() => add('int64', 2n ** 64n))).toMatchInlineSnapshot(
        `"RangeError: Expected a 64-bit integer for aten::add.Tensor argument "other", got 18446744073709551616"`,
      );
    }),
  );

  it(
    'Scalar results: integers, bigints, booleans, floats and complex numbers',
    withScope(() => {
      expect(tensor(new BigInt64Array([-(2n ** 63n)])).item()).toBe(-(2n ** 63n));
      expect(tensor(new BigInt64Array([2n ** 53n - 1n])).item()).toBe(2 ** 53 - 1);
      expect(tensor(new BigInt64Array([2n ** 53n])).item()).toBe(2n ** 53n);
      expect(tensor(new BigUint64Array([2n ** 64n - 1n])).item()).toBe(2n ** 64n - 1n);
      expect(tensor(new BigUint64Array([5n])).item()).toBe(5);
      expect(tensor(true).item()).toBe(true);
      expect(tensor(0.5, { dtype: 'bfloat16' }).item()).toBe(0.5);
      expect(tensor(new Complex(1, 2), { dtype: 'complex128' }).item()).toEqual(new Complex(1, 2));
    }),
  );

  it(
    'int: number or bigint, one for a list of fixed size',
    withScope(() => {
      const x = arange(12).reshape([3, 4]);
      expect(x.select(0, 1n).toArray()).toEqual([4, 5, 6, 7]);
      expect(x.reshape([2n, 6]).shape).toEqual([2, 6]);
      expect(aten.avg_pool2d(zeros([1, 1, 4, 4]), 2n).shape).toEqual([1, 1, 2, 2]);
      expect(message(() => x.select(0, 2 ** 53))).toMatchInlineSnapshot(
        `"RangeError: Expected an integer for aten::select.int argument "index", got 9007199254740992"`,
      );
    }),
  );

  it(
    'optional lists, present, absent and null',
    withScope(() => {
      const x = zeros([1, 1, 2, 2]);
      expect(aten.upsample_nearest2d.vec(x, [4, 6], null).shape).toEqual([1, 1, 4, 6]);
      expect(aten.upsample_nearest2d.vec(x, null, [2.5, 1]).shape).toEqual([1, 1, 5, 2]);
      expect(aten.sum.dim_IntList(x, null).shape).toEqual([]);
      expect(aten.fft_fftn(x, null, null, null).shape).toEqual([1, 1, 2, 2]);
      expect(aten.fft_fftn(x, [4], [3]).shape).toEqual([1, 1, 2, 4]);
    }),
  );

  it(
    'lists of tensors, with holes where the schema allows them',
    withScope(() => {
      const x = arange(6).reshape([2, 3]);
      const rows = tensor([1, 1], { dtype: 'int64' });
      expect(aten.index(x, [null, rows]).toArray()).toEqual([
        [1, 1],
        [4, 4],
      ]);
      expect(aten.index(x, [rows]).toArray()).toEqual([
        [3, 4, 5],
        [3, 4, 5],
      ]);
      expect(aten.cat([x, x], 1).shape).toEqual([2, 6]);
      expect(aten.meshgrid([arange(2), arange(3)], { indexing: 'xy' })[0]?.shape).toEqual([3, 2]);
      expect(message(() => aten.cat([x, null as never]))).toMatchInlineSnapshot(
        `"TypeError: Expected a Tensor for aten::cat argument "tensors[1]", got null"`,
      );
      expect(message(() => aten.cat([]))).toMatchInlineSnapshot(
        `"TorchError: aten::cat: torch.cat(): expected a non-empty list of Tensors"`,
      );
    }),
  );

  it(
    'lists of booleans, floats, strings and scalars',
    withScope(() => {
      const [a, b] = [tensor([1]), tensor([2])];
      expect(aten._foreach_add([a, b], [1, 2.5]).map((item) => item.item())).toEqual([2, 4.5]);
      const histogram = aten._histogramdd_bin_edges(tensor([[0.5], [1.5]]), [2], { range: [0, 2] });
      expect(histogram[0]?.toArray()).toEqual([0, 1, 2]);
      const mask = loose.convolution_backward?.default?.(
        zeros([1, 1, 2, 2]),
        zeros([1, 1, 2, 2]),
        zeros([1, 1, 1, 1]),
        null,
        [1, 1],
        [0, 0],
        [1, 1],
        false,
        [0, 0],
        1,
        [true, false, false],
      ) as (Tensor | null)[];
      expect(mask.map((item) => item?.shape ?? null)).toEqual([[1, 1, 2, 2], null, null]);
      const nested = ops._test?.get_first as (lists: string[][]) => unknown;
      expect(nested([['hello', 'b'], ['c']])).toBe('hello');
    }),
  );

  it(
    'optional results come back as null',
    withScope(() => {
      const result = aten._fused_moving_avg_obs_fq_helper as unknown;
      expect(result).toBeTypeOf('function');
      const [output, mask] = aten.native_dropout(tensor([1, 2]), 0.5, false);
      expect([output.shape, mask.dtype]).toEqual([[2], 'bool']);
    }),
  );

  it(
    'values of the wrong native kind are refused',
    withScope(() => {
      const generator = new Generator();
      const storage = tensor([1]).untypedStorage();
      const call = (fn: () => unknown) => message(fn).split('\n')[0];
      expect(call(() => aten.relu(generator as never))).toMatchInlineSnapshot(
        `"TypeError: Expected a Tensor for aten::relu argument "self", got Generator"`,
      );
      expect(call(() => aten.relu(storage as never))).toMatchInlineSnapshot(
        `"TypeError: Expected a Tensor for aten::relu argument "self", got UntypedStorage"`,
      );
      expect(call(() => aten.rand.generator([2], { generator: tensor([1]) as never }))).toMatchInlineSnapshot(
        `"TypeError: Expected a Generator? for aten::rand.generator argument "generator", got Tensor"`,
      );
      expect(call(() => aten.rand.generator([2], { generator: storage as never }))).toContain('Generator');
      expect(call(() => aten.set_.source_Storage(tensor([1]), generator as never))).toContain('Storage');
    }),
  );
});

type Untyped = (...args: unknown[]) => unknown;
const opOf = (namespace: string, name: string) => ops[namespace]?.[name] as Untyped;

describe('ops of other namespaces', () => {
  const quantized = (name: string) => opOf('quantized', name);
  const weight = () => aten.quantize_per_tensor(aten.ones([2, 3]), 0.5, 0, 'qint8');

  it(
    'quantized ops take packed parameters that other ops made',
    withScope(() => {
      const packed = quantized('linear_prepack')(weight(), tensor([1, 2])) as OpaqueValue;
      expect(packed).toBeInstanceOf(OpaqueValue);
      const input = aten.quantize_per_tensor(aten.ones([1, 3]), 0.5, 0, 'quint8');
      const output = quantized('linear')(input, packed, 0.5, 0) as Tensor;
      expect(aten.dequantize.self(output).toArray()).toEqual([[4, 5]]);
      const [unpacked, bias] = quantized('linear_unpack')(packed) as [Tensor, Tensor];
      expect([unpacked.dtype, bias.toArray()]).toEqual(['qint8', [1, 2]]);
    }),
  );

  it(
    'packed parameters of another kind are refused',
    withScope(() => {
      const packed = quantized('linear_prepack')(weight(), null);
      expect(message(() => quantized('conv2d_stride')(packed))).toContain('LinearPackedParamsBase');
      expect(message(() => quantized('conv2d_stride')(tensor([1])))).toMatch(/Conv2dPackedParamsBase/);
      expect(message(() => quantized('conv2d_stride')(tensor([1]).untypedStorage()))).toContain('Storage');
      const conv = aten.quantize_per_tensor(aten.ones([2, 1, 3, 3]), 0.5, 0, 'qint8');
      const params = quantized('conv2d_prepack')(conv, null, [2, 1], [0, 0], [1, 1], 1);
      expect(quantized('conv2d_stride')(params)).toEqual([2, 1]);
      expect(quantized('conv2d_unpack_sizes')(params)).toEqual([
        [2, 1, 3, 3],
        null,
        [2, 1],
        [0, 0],
        [1, 1],
        1,
      ]);
    }),
  );

  it(
    'mkldnn ops convolve with a reordered weight and a fused activation',
    withScope(() => {
      const x = aten.randn([1, 3, 8, 8]).to({ memoryFormat: 'channels_last' });
      const w = aten.randn([4, 3, 3, 3]);
      const fused = opOf('mkldnn', '_convolution_pointwise')(
        x,
        w,
        null,
        [1, 1],
        [1, 1],
        [1, 1],
        1,
        'relu',
        [],
        null,
      );
      const plain = aten.conv2d(x, w, null, [1, 1], [1, 1]).relu();
      expect(aten.allclose(fused as Tensor, plain, 1e-4, 1e-5)).toBe(true);
    }),
  );

  it('a library that is none is refused', () => {
    expect(message(() => ops.loadLibrary('/nowhere/lib.so'))).toMatchInlineSnapshot(
      `"TorchError: /nowhere/lib.so: /nowhere/lib.so: cannot open shared object file: No such file or directory"`,
    );
  });
});
