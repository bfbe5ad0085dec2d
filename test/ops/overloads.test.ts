import { describe, expect, it } from 'vitest';
import { Complex, ops, Tensor, tensor } from '../../lib/tensor/index.ts';
import { errorOf, message, withScope } from '../helpers/index.ts';

const { aten } = ops;
const x = () =>
  tensor([
    [1, 2, 3],
    [4, 5, 6],
  ]);
const values = (result: Tensor | Tensor[]) =>
  Array.isArray(result) ? result.map((item) => item.toArray()) : result.toArray();
// For calls that the types refuse.
const loose = aten as unknown as Record<string, (...args: unknown[]) => Tensor>;
const method = (tensor: Tensor, name: string, ...args: unknown[]) =>
  (tensor[name as keyof Tensor] as (...args: unknown[]) => Tensor).apply(tensor, args);

describe('the arguments choose the overload', () => {
  it(
    'add takes a tensor, a number or a complex number, and alpha',
    withScope(() => {
      const a = tensor([1, 2]);
      expect(values(aten.add(a, a))).toEqual([2, 4]);
      expect(values(aten.add(a, 1))).toEqual([2, 3]);
      expect(values(aten.add(a, 0.5))).toEqual([1.5, 2.5]);
      expect(values(aten.add(a, a, { alpha: 2 }))).toEqual([3, 6]);
      expect(values(aten.add(a, new Complex(0, 1)))).toEqual([new Complex(1, 1), new Complex(2, 1)]);
      expect(values(aten.add.Scalar(a, 1, 3))).toEqual([4, 5]);
      expect(values(a.add(a, { alpha: 10 }))).toEqual([11, 22]);
    }),
  );

  it(
    'max has three forms',
    withScope(() => {
      expect(aten.max(x()).item()).toBe(6);
      expect(values(aten.max(x(), 1))).toEqual([
        [3, 6],
        [2, 2],
      ]);
      expect(values(aten.max(x(), 0, true))).toEqual([[[4, 5, 6]], [[1, 1, 1]]]);
      expect(values(aten.max(x(), tensor([2, 2, 9])))).toEqual([
        [2, 2, 9],
        [4, 5, 9],
      ]);
      const [top, index] = x().topk(2, 1);
      expect([values(top), values(index)]).toEqual([
        [
          [3, 2],
          [6, 5],
        ],
        [
          [2, 1],
          [2, 1],
        ],
      ]);
    }),
  );

  it(
    'reductions take nothing, a dimension or several, and keywords',
    withScope(() => {
      expect(x().sum().item()).toBe(21);
      expect(values(x().sum(0))).toEqual([5, 7, 9]);
      expect(values(x().sum([0, 1], true))).toEqual([[21]]);
      expect(values(x().sum([1], { keepdim: true }))).toEqual([[6], [15]]);
      expect(x().sum({ dtype: 'float64' }).dtype).toBe('float64');
      expect(x().sum([0], { dtype: 'int64' }).dtype).toBe('int64');
      expect(values(x().mean([1]))).toEqual([2, 5]);
      expect([x().gt(3).any().item(), values(x().gt(3).all(1))]).toEqual([true, [false, true]]);
      expect(values(aten.any(x().gt(5), [0, 1]))).toEqual(true);
      expect(values(x().std([1], { correction: 0 }))).toHaveLength(2);
    }),
  );

  it(
    'softmax, split, index_select, pow and div choose by kind',
    withScope(() => {
      expect(aten.softmax(x(), 1).sum().item()).toBeCloseTo(2);
      expect(x().softmax(1, { dtype: 'float64' }).dtype).toBe('float64');
      expect(values(x().split(2, 1))).toEqual([
        [
          [1, 2],
          [4, 5],
        ],
        [[3], [6]],
      ]);
      expect(values(x().split([1, 1]))).toEqual([[[1, 2, 3]], [[4, 5, 6]]]);
      expect(values(x().indexSelect(1, tensor([2, 0], { dtype: 'int64' })))).toEqual([
        [3, 1],
        [6, 4],
      ]);
      expect(values(aten.pow(tensor([1, 2]), 2))).toEqual([1, 4]);
      expect(values(aten.pow(2, tensor([1, 2])))).toEqual([2, 4]);
      expect(values(tensor([2, 3]).pow(tensor([3, 2])))).toEqual([8, 9]);
      expect(values(tensor([7, -7]).div(2, { roundingMode: 'floor' }))).toEqual([3, -4]);
      expect(values(aten.div(tensor([7, -7]), tensor([2, 2]), { rounding_mode: 'trunc' }))).toEqual([3, -3]);
      expect(values(tensor([7, -7]).div(2))).toEqual([3.5, -3.5]);
      expect(values(tensor([1, 2, 3]).clamp(2))).toEqual([2, 2, 3]);
      expect(values(tensor([1, 2, 3]).clamp({ max: 2 }))).toEqual([1, 2, 2]);
      expect(values(tensor([1, 2, 3]).clamp(null, tensor([0, 5, 2])))).toEqual([0, 2, 2]);
    }),
  );

  it(
    'a named overload is taken whatever the arguments would choose',
    withScope(() => {
      expect(values(aten.add.Tensor(tensor([1]), tensor([2])))).toEqual([3]);
      expect(aten.relu.default(tensor([-1])).item()).toBe(0);
      expect(message(() => loose.add?.(tensor([1])))).toMatchInlineSnapshot(`
        "TypeError: Expected arguments for aten::add that fit one of its schemas, got (Tensor):
        - aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=...)
        - aten::add.Scalar(Tensor self, Scalar other, Scalar alpha=...)"
      `);
      expect(message(() => aten.fmod.Tensor(tensor([1]), 2 as never))).toMatchInlineSnapshot(
        `"TypeError: Expected a Tensor for aten::fmod.Tensor argument "other", got 2"`,
      );
    }),
  );

  it(
    'numbers stand for lists of fixed size, and keywords for positions',
    withScope(() => {
      const image = tensor(new Float32Array(16)).reshape([1, 1, 4, 4]);
      expect(aten.max_pool2d(image, 2).shape).toEqual([1, 1, 2, 2]);
      expect(aten.max_pool2d(image, [2, 1], { stride: 1 }).shape).toEqual([1, 1, 3, 4]);
      const weight = aten.ones([3, 1, 3, 3]);
      expect(aten.conv2d(image, weight, { stride: 2, padding: [1, 1] }).shape).toEqual([1, 3, 2, 2]);
      expect(aten.conv2d(image, weight, null, 1, 1).shape).toEqual([1, 3, 4, 4]);
      expect(aten.conv2d(image, weight, { padding: 'same' }).shape).toEqual([1, 3, 4, 4]);
      expect(image.flatten(1).shape).toEqual([1, 16]);
      expect(image.flatten({ startDim: 2 }).shape).toEqual([1, 1, 16]);
    }),
  );

  it(
    'undefined in options means that they were not given',
    withScope(() => {
      expect(values(x().sum([1], { keepdim: undefined } as never))).toEqual([6, 15]);
    }),
  );
});

describe('in-place and out', () => {
  it(
    'in-place ops return the same object',
    withScope(() => {
      const a = tensor([1, 2]);
      expect(a.add_(1)).toBe(a);
      expect(a.mul_(a).zero_()).toBe(a);
      expect(aten.add_(a, a)).toBe(a);
      expect(aten.add_.Tensor(a, a, { alpha: 3 })).toBe(a);
      expect(values(a.fill_(7).sub_(2))).toEqual([5, 5]);
    }),
  );

  it(
    'out= writes into a tensor and returns it',
    withScope(() => {
      const out = tensor([0, 0]);
      expect(aten.add(tensor([1, 2]), tensor([3, 4]), { out })).toBe(out);
      expect(values(out)).toEqual([4, 6]);
      expect(aten.mul.out(out, out, { out })).toBe(out);
      expect(values(out)).toEqual([16, 36]);
    }),
  );

  it(
    'several out= tensors come back in order',
    withScope(() => {
      const max = tensor([0, 0]);
      const max_values = tensor([0, 0], { dtype: 'int64' });
      const result = aten.max.dim_max(x(), 1, { max, max_values });
      expect(result[0]).toBe(max);
      expect(result[1]).toBe(max_values);
      expect(values(max_values)).toEqual([2, 2]);
    }),
  );

  it(
    'ops without a result return undefined',
    withScope(() => {
      const list = [tensor([1]), tensor([2])];
      expect(loose._foreach_add_?.(list, 1)).toBeUndefined();
      expect(values(list)).toEqual([[2], [3]]);
    }),
  );

  it(
    'lists of tensors come back as arrays',
    withScope(() => {
      const parts = aten._foreach_mul([tensor([1]), tensor([2])], 3);
      expect(values(parts)).toEqual([[3], [6]]);
      expect(parts.every((part) => part instanceof Tensor)).toBe(true);
    }),
  );
});

describe('wrong arguments are named', () => {
  const image = () => aten.zeros([1, 1, 4, 4]);

  it(
    'an unknown option',
    withScope(() => {
      expect(message(() => loose.relu?.(x(), { inplace: true }))).toMatchInlineSnapshot(
        `"TypeError: Expected no options for aten::relu, got "inplace""`,
      );
      expect(message(() => method(x(), 'softmax', 1, { dType: 'float64' }))).toMatchInlineSnapshot(
        `"TypeError: Expected options of aten::softmax.int (dim, dtype), got "dType""`,
      );
      expect(message(() => method(x(), 'sum', { dim: [1], keep_dim: true }))).toMatchInlineSnapshot(`
        "TypeError: Expected arguments for aten::sum that fit one of its schemas, got (Tensor, { dim: [1, ...], keep_dim: a boolean }):
        - aten::sum.dim_IntList(Tensor self, int[]? dim, bool keepdim=..., *, ScalarType? dtype=...)
        - aten::sum(Tensor self, *, ScalarType? dtype=...)"
      `);
    }),
  );

  it(
    'an argument of the wrong kind',
    withScope(() => {
      expect(message(() => loose.relu?.(3))).toMatchInlineSnapshot(
        `"TypeError: Expected a Tensor for aten::relu argument "self", got 3"`,
      );
      expect(message(() => loose.relu?.('x'))).toMatchInlineSnapshot(
        `"TypeError: Expected a Tensor for aten::relu argument "self", got a string"`,
      );
      expect(message(() => loose.relu?.(null))).toMatchInlineSnapshot(
        `"TypeError: Expected a Tensor for aten::relu argument "self", got null"`,
      );
      expect(message(() => loose.relu?.())).toMatchInlineSnapshot(
        `"TypeError: Expected aten::relu argument "self" (Tensor), got nothing"`,
      );
      expect(message(() => loose.relu?.([x()]))).toMatchInlineSnapshot(
        `"TypeError: Expected a Tensor for aten::relu argument "self", got [Tensor, ...]"`,
      );
      expect(message(() => loose.relu?.(x(), x()))).toMatchInlineSnapshot(
        `"TypeError: Expected at most 1 arguments for aten::relu, got 2"`,
      );
      expect(message(() => loose.conv2d?.(image(), 5))).toMatchInlineSnapshot(
        `
        "TypeError: Expected arguments for aten::conv2d that fit one of its schemas, got (Tensor, 5):
        - aten::conv2d(Tensor input, Tensor weight, Tensor? bias=..., int[] stride=..., int[] padding=..., int[] dilation=..., int groups=...)
        - aten::conv2d.padding(Tensor input, Tensor weight, Tensor? bias=..., int[] stride=..., str padding=..., int[] dilation=..., int groups=...)"
      `,
      );
      expect(message(() => method(x(), 'reshape', ['2', 3]))).toMatchInlineSnapshot(
        `"TypeError: Expected an int[] for aten::reshape argument "shape", got [a string, ...]"`,
      );
      expect(message(() => method(x(), 'reshape', [2, 1.5]))).toMatchInlineSnapshot(
        `"RangeError: Expected an integer for aten::reshape argument "shape", got 1.5"`,
      );
      expect(message(() => method(x(), 'reshape', [2, '3']))).toMatchInlineSnapshot(
        `"TypeError: Expected an integer for aten::reshape argument "shape", got a string"`,
      );
      expect(message(() => method(x(), 'transpose', 0, Number.NaN))).toMatchInlineSnapshot(
        `"TypeError: Expected an int for aten::transpose.int argument "dim1", got NaN"`,
      );
      expect(message(() => method(x(), 'add', 'one'))).toMatchInlineSnapshot(`
        "TypeError: Expected arguments for aten::add that fit one of its schemas, got (Tensor, a string):
        - aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=...)
        - aten::add.Scalar(Tensor self, Scalar other, Scalar alpha=...)"
      `);
      expect(message(() => loose.cat?.([x(), 3]))).toMatchInlineSnapshot(
        `"TypeError: Expected a Tensor for aten::cat argument "tensors[1]", got 3"`,
      );
      expect(message(() => loose.cat?.([3, x()]))).toMatchInlineSnapshot(
        `"TypeError: Expected a Tensor[] for aten::cat argument "tensors", got [3, ...]"`,
      );
    }),
  );

  it(
    'a value that torch does not know',
    withScope(() => {
      expect(message(() => aten.zeros([2], { dtype: 'float31' as never }))).toMatchInlineSnapshot(
        `"RangeError: Expected a dtype for aten::zeros argument "dtype" (uint8, int8, int16, int32, int64, uint16, uint32, uint64, float16, float32, float64, bfloat16, bool, complex32, complex64, complex128, qint8, quint8, qint32, quint4x2, quint2x4, bits1x8, bits2x4, bits4x2, bits8, bits16, float8_e5m2, float8_e4m3fn, float8_e5m2fnuz, float8_e4m3fnuz, float8_e8m0fnu, float4_e2m1fn_x2, uint1, uint2, uint3, uint4, uint5, uint6, uint7, int1, int2, int3, int4, int5, int6, int7), got "float31""`,
      );
      expect(message(() => aten.zeros([2], { layout: 'dense' as never }))).toMatchInlineSnapshot(
        `"RangeError: Expected a layout for aten::zeros argument "layout" (strided, sparse_coo, sparse_csr, _mkldnn, sparse_csc, sparse_bsr, sparse_bsc, jagged), got "dense""`,
      );
      expect(message(() => aten.zeros([2], { device: 'gpu' }))).toMatchInlineSnapshot(
        `"TorchError: aten::zeros: Expected one of cpu, cuda, ipu, xpu, mkldnn, opengl, opencl, ideep, hip, ve, fpga, maia, xla, lazy, vulkan, mps, meta, hpu, mtia, privateuseone device type at start of device string: gpu"`,
      );
      expect(message(() => aten.empty([2], { memory_format: 'nhwc' as never }))).toMatchInlineSnapshot(
        `"RangeError: Expected a memory format for aten::empty.memory_format argument "memory_format" (contiguous_format, preserve_format, channels_last, channels_last_3d), got "nhwc""`,
      );
      expect(message(() => x().div(2, { roundingMode: 'up' }))).toMatchInlineSnapshot(
        `"TorchError: aten::div.Tensor_mode: div expected rounding_mode to be one of None, 'trunc', or 'floor' but found 'up'"`,
      );
      expect(message(() => x().reshape([2n ** 70n]))).toMatchInlineSnapshot(
        `"RangeError: Expected a 64-bit integer for aten::reshape argument "shape", got 1180591620717411303424"`,
      );
    }),
  );

  it(
    'libtorch errors carry the op, a code and the whole text as cause',
    withScope(() => {
      const error = errorOf(() => x().matmul(x()));
      expect(error).toMatchObject({ name: 'TorchError', code: 'ERR_TORCH', op: 'aten::matmul' });
      expect(error.message).toMatchInlineSnapshot(
        `"aten::matmul: mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)"`,
      );
      expect(String(error.cause)).toContain('mat1 and mat2 shapes cannot be multiplied');
      expect(error.stack).toContain('overloads.test.ts');
    }),
  );

  it(
    'a failed call leaves the next one alone',
    withScope(() => {
      for (let i = 0; i < 100; i++) {
        expect(() => x().matmul(x())).toThrow();
        expect(() => loose.add?.(x(), {})).toThrow();
        expect(values(tensor([1]).add(1))).toEqual([2]);
      }
    }),
  );
});
