import { describe, expect, it } from 'vitest';
import { CudaOutOfMemoryError, cuda, scope, TorchError, zeros } from '../../lib/index.ts';
import { errorOf, itOnCuda } from '../helpers/index.ts';

// libtorch 2.13's text (c10/cuda/CUDACachingAllocator.cpp).
const TEXT =
  'aten::empty.memory_format: CUDA out of memory. Tried to allocate 2.50 GiB. GPU 1 has a total capacity of 79.25 GiB ' +
  'of which 1.19 GiB is free. Process 1234 has 78.05 GiB memory in use. Of the allocated memory 70.00 GiB is ' +
  'allocated by PyTorch, and 5.21 GiB is reserved by PyTorch but unallocated.';

describe('CudaOutOfMemoryError', () => {
  it("reads libtorch's message and takes the allocator's figures", () => {
    const figures = { allocatedBytes: 75e9, reservedBytes: 80e9, freeBytes: 1e9, totalBytes: 85e9 };
    const error = new CudaOutOfMemoryError(TEXT, { op: 'aten::empty.memory_format', ...figures });
    expect(error).toBeInstanceOf(TorchError);
    expect(error).toMatchObject({
      name: 'CudaOutOfMemoryError',
      code: 'ERR_CUDA_OUT_OF_MEMORY',
      op: 'aten::empty.memory_format',
      message: TEXT,
      device: 1,
      requestedBytes: 2.5 * 2 ** 30,
      ...figures,
    });
  });

  it.each([
    ['Tried to allocate 512 bytes.', 512],
    ['Tried to allocate 20.00 KiB.', 20480],
    ['Tried to allocate 1.50 MiB.', 1572864],
    ['CUDA error: out of memory', undefined],
  ])('reads sizes: %s', (text, requestedBytes) => {
    const error = new CudaOutOfMemoryError(text);
    expect([error.requestedBytes, error.device, error.totalBytes]).toEqual([
      requestedBytes,
      undefined,
      undefined,
    ]);
  });

  itOnCuda('is what an impossible allocation throws, with figures, and the next one works', () => {
    const [, total] = cuda.memGetInfo();
    const kept = zeros([1 << 20], { device: 'cuda' });
    const error = errorOf(() => zeros([total], { device: 'cuda' })) as CudaOutOfMemoryError;
    expect(error).toBeInstanceOf(CudaOutOfMemoryError);
    expect(error).toMatchObject({ device: 0, totalBytes: total });
    expect(error.allocatedBytes).toBeGreaterThanOrEqual(1 << 22);
    expect(error.reservedBytes).toBeGreaterThanOrEqual(error.allocatedBytes as number);
    expect(error.freeBytes).toBeLessThanOrEqual(total);
    expect((error.requestedBytes as number) / (4 * total)).toBeCloseTo(1, 2);
    const fits = zeros([1024], { device: 'cuda' });
    expect(fits.sum().item()).toBe(0);
    for (const tensor of [kept, fits]) tensor.dispose();
  });

  itOnCuda('comes late: a loop that drops its tensors is freed in time', () => {
    const [, total] = cuda.memGetInfo();
    const elements = Math.floor(total / 4 / 20);
    for (let i = 0; i < 60; i++) zeros([elements], { device: 'cuda' });
    cuda.synchronize();
    expect(cuda.maxMemoryAllocated()).toBeLessThan(total);
  });

  itOnCuda('comes late: graphs that only dropped losses hold are freed in time', () => {
    const [, total] = cuda.memGetInfo();
    const weight = zeros([Math.floor(total / 4 / 40)], { device: 'cuda', requiresGrad: true });
    let sum = 0;
    for (let i = 0; i < 120; i++) sum += scope(() => weight.exp().add(1).exp().sum()).numel();
    expect(sum).toBe(120);
    expect(cuda.maxMemoryAllocated()).toBeLessThan(total);
    weight.dispose();
  });
});
