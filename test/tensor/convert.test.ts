import { describe, expect, it } from 'vitest';
import {
  allclose,
  arange,
  Complex,
  cudaInfo,
  equal,
  getNumInteropThreads,
  getNumThreads,
  ones,
  ops,
  randn,
  runtimeInfo,
  setNumThreads,
  tensor,
  zeros,
} from '../../lib/tensor/index.ts';
import { forEachDevice, message, withScope } from '../helpers/index.ts';

const sharesMemory = (a: { untypedStorage(): { dataPtr(): bigint } }, b: typeof a) =>
  a.untypedStorage().dataPtr() === b.untypedStorage().dataPtr();

describe('to', () => {
  it(
    'converts dtypes, and copies only when something changes',
    withScope(() => {
      const x = tensor([1.9, -1.9]);
      expect(x.to('int64').toArray()).toEqual([1, -1]);
      expect(x.to({ dtype: 'float64' }).dtype).toBe('float64');
      expect(x.to(tensor([1], { dtype: 'float16' })).dtype).toBe('float16');
      expect(sharesMemory(x.to('float32'), x)).toBe(true);
      expect(sharesMemory(x.to('float32', { copy: true }), x)).toBe(false);
      expect(sharesMemory(x.to({ dtype: 'float32', copy: true }), x)).toBe(false);
      const shorthands = [x.double(), x.half(), x.bfloat16(), x.long(), x.int(), x.bool(), x.float()];
      expect(shorthands.map((item) => item.dtype)).toEqual([
        'float64',
        'float16',
        'bfloat16',
        'int64',
        'int32',
        'bool',
        'float32',
      ]);
    }),
  );

  it(
    'rearranges memory',
    withScope(() => {
      const x = arange(24, { dtype: 'float32' }).reshape([1, 2, 3, 4]);
      const y = x.to({ memoryFormat: 'channels_last' });
      expect([y.stride(), y.isContiguous(), y.isContiguous('channels_last')]).toEqual([
        [24, 1, 8, 2],
        false,
        true,
      ]);
      expect(equal(x, y)).toBe(true);
      expect(y.to({ memoryFormat: 'contiguous_format' }).stride()).toEqual([24, 12, 4, 1]);
      expect([...y.data()]).toEqual([...x.data()]);
      expect(zeros([1, 2, 3, 4, 5]).to({ memoryFormat: 'channels_last_3d' }).stride()).toEqual([
        120, 1, 40, 10, 2,
      ]);
    }),
  );

  it(
    'keeps the graph',
    withScope(() => {
      const x = tensor([1.5], { requiresGrad: true });
      x.to('float64').mul(2).sum().backward();
      expect([x.grad?.dtype, x.grad?.toArray()]).toEqual(['float32', [2]]);
    }),
  );

  forEachDevice('moves to a device and back', (device) => {
    const x = tensor([1, 2]);
    const there = x.to(device);
    expect(there.device.startsWith(device)).toBe(true);
    expect(there.cpu().toArray()).toEqual([1, 2]);
    expect(`${there.add(1).cpu()}`).toBe('tensor([2., 3.])');
    for (const item of [there, x]) item.dispose();
  });

  it(
    'meta tensors have shapes only',
    withScope(() => {
      const x = zeros([2, 3], { device: 'meta' });
      const y = ops.aten.matmul(x, zeros([3, 4], { device: 'meta' }));
      expect([y.shape, y.device, y.to('meta').device]).toEqual([[2, 4], 'meta', 'meta']);
      expect(message(() => x.cpu())).toMatchInlineSnapshot(
        `"TorchError: aten::to.dtype_layout: Cannot copy out of meta tensor; no data!"`,
      );
      expect(message(() => x.toArray())).toMatchInlineSnapshot(
        `"TorchError: aten::to.dtype_layout: Cannot copy out of meta tensor; no data!"`,
      );
    }),
  );

  it(
    'unknown targets are refused',
    withScope(() => {
      const x = tensor([1]);
      expect(message(() => x.to('gpu' as never))).toContain('got "gpu"');
      expect(message(() => x.to(3 as never))).toMatchInlineSnapshot(
        `"TypeError: Expected an options object for to, got number"`,
      );
      expect(message(() => x.to({ dType: 'int64' } as never))).toMatchInlineSnapshot(
        `"RangeError: Expected a known option for to, got "dType"; did you mean dtype?"`,
      );
      expect(message(() => x.to('int64', { memory_format: 'x' } as never))).toContain('memory_format');
      expect(message(() => x.sum().backward(null, { retain_graph: true } as never))).toMatchInlineSnapshot(
        `"RangeError: Expected a known option for backward, got "retain_graph"; did you mean retainGraph?"`,
      );
      expect(message(() => x.to({ dtype: 5 as never }))).toMatch(/TypeError/);
    }),
  );

  it(
    'cuda without a device says why and never becomes cpu',
    withScope(() => {
      if (cudaInfo().available) return;
      expect(cudaInfo()).toEqual({ available: false, deviceCount: 0, reason: expect.any(String) });
      expect(message(() => tensor([1]).cuda())).toMatch(/TorchError/);
      expect(message(() => zeros([1], { device: 'cuda' }))).toMatch(/TorchError/);
    }),
  );
});

describe('item and comparison', () => {
  it(
    'item() is the only element of any kind',
    withScope(() => {
      const items = [tensor([[2.5]]), tensor(true), tensor(3n), tensor(new Complex(1, 2))].map((x) =>
        x.item(),
      );
      expect(items).toEqual([2.5, true, 3, new Complex(1, 2)]);
      expect(message(() => tensor([1, 2]).item())).toMatchInlineSnapshot(
        `"TorchError: aten::item: a Tensor with 2 elements cannot be converted to Scalar"`,
      );
      expect(message(() => tensor([]).item())).toMatchInlineSnapshot(
        `"TorchError: aten::item: a Tensor with 0 elements cannot be converted to Scalar"`,
      );
    }),
  );

  it(
    'equal wants the same shape and elements',
    withScope(() => {
      expect(equal(tensor([1, 2]), tensor([1, 2]))).toBe(true);
      expect(equal(tensor([1, 2]), tensor([1, 3]))).toBe(false);
      expect(equal(tensor([1, 2]), tensor([[1, 2]]))).toBe(false);
      expect(equal(tensor([Number.NaN]), tensor([Number.NaN]))).toBe(false);
      expect(tensor([1]).equal(tensor([1]))).toBe(true);
      expect(message(() => equal(tensor([1]), 1 as never))).toMatchInlineSnapshot(
        `"TypeError: Expected a Tensor for aten::equal argument "other", got 1"`,
      );
    }),
  );

  it(
    'allclose wants closeness',
    withScope(() => {
      const x = tensor([1, 100]);
      expect(allclose(x, x.add(1e-7))).toBe(true);
      expect(allclose(x, x.add(0.1))).toBe(false);
      expect(allclose(x, x.add(0.1), { atol: 0.2 })).toBe(true);
      expect(allclose(x, x.mul(1.05), { rtol: 0.1 })).toBe(true);
      const nan = tensor([Number.NaN]);
      expect([allclose(nan, nan), allclose(nan, nan, { equalNan: true })]).toEqual([false, true]);
      expect(message(() => allclose(x, tensor([1, 2, 3])))).toMatchInlineSnapshot(
        `"TorchError: aten::allclose: The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 0"`,
      );
    }),
  );

  it(
    'isSame tells objects over the same tensor from equal ones',
    withScope(() => {
      const x = ones([2]);
      expect([x.isSame(x), x.isSame(ones([2])), x.isSame(x.detach())]).toEqual([true, false, false]);
      expect(message(() => x.isSame(3 as never))).toMatchInlineSnapshot(
        `"TypeError: Expected a Tensor, Generator or UntypedStorage of this package, got a value of type number"`,
      );
    }),
  );
});

describe('runtime', () => {
  it('threads can be set, and change no result', () => {
    const before = getNumThreads();
    const x = randn([64, 64]);
    setNumThreads(1);
    expect(getNumThreads()).toBe(1);
    const one = x.matmul(x);
    setNumThreads(2);
    const two = x.matmul(x);
    setNumThreads(before);
    expect(allclose(one, two, { rtol: 1e-4, atol: 1e-4 })).toBe(true);
    expect(getNumInteropThreads()).toBeGreaterThan(0);
    for (const item of [x, one, two]) item.dispose();
    expect(message(() => setNumThreads(0))).toMatchInlineSnapshot(
      `"RangeError: Expected 1 to 4096 for "threads", got 0"`,
    );
    expect(message(() => setNumThreads(1.5))).toContain('RangeError');
  });

  it('says what is loaded', () => {
    const info = runtimeInfo();
    expect(info.libtorch.version).toMatch(/^\d+\.\d+\.\d+/);
    expect(info.torchVersion).toMatch(/^\d+\.\d+\.\d+/);
    expect(info.bindingPath).toMatch(/binding-\d+\.\d+\.so$/);
    expect(info.cpuCapability).toBeTypeOf('string');
    expect(info.numThreads).toBeGreaterThan(0);
    expect(info.cuda.available).toBe(cudaInfo().available);
  });
});
