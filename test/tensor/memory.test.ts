import { totalmem } from 'node:os';
import { describe, expect, it } from 'vitest';
import {
  empty,
  emptyCpuCache,
  fromBuffer,
  memoryStats,
  ones,
  resetPeakMemoryStats,
  type Tensor,
  tensor,
  zeros,
} from '../../lib/tensor/index.ts';
import { collectGarbage, message, withScope } from '../helpers/index.ts';

describe('memory is counted', () => {
  it(
    'tensors and bytes alive, by the object',
    withScope(() => {
      const before = memoryStats();
      const x = zeros([1000]);
      const view = x.narrow(0, 0, 10);
      const during = memoryStats();
      expect(during.tensors - before.tensors).toBe(2);
      expect(during.bytes - before.bytes).toBeGreaterThanOrEqual(4000);
      expect(during.cpuBytes - before.cpuBytes).toBeGreaterThanOrEqual(4000);
      view.dispose();
      x.dispose();
      expect(memoryStats()).toMatchObject({
        tensors: before.tensors,
        bytes: before.bytes,
        cpuBytes: before.cpuBytes,
      });
    }),
  );

  it(
    'the peak, until it is reset',
    withScope(() => {
      resetPeakMemoryStats();
      const { cpuBytes } = memoryStats();
      zeros([100_000]).dispose();
      expect(memoryStats().peakCpuBytes - cpuBytes).toBeGreaterThanOrEqual(400_000);
      resetPeakMemoryStats();
      expect(memoryStats().peakCpuBytes).toBe(memoryStats().cpuBytes);
    }),
  );

  // Nothing is written to the blocks, so no memory of the machine stands behind them.
  it.runIf(totalmem() > 8 * 2 ** 30)(
    'what a step of training needed is kept for the next one, and given back on request',
    withScope(() => {
      const step = (backward: boolean) => {
        const maps = Array.from({ length: 24 }, () => empty([2 ** 24]));
        if (backward) ones([1], { requiresGrad: true }).sum().backward();
        for (const map of maps) map.dispose();
        return memoryStats().cachedCpuBytes / 2 ** 30;
      };
      emptyCpuCache();
      expect(step(false)).toBeLessThanOrEqual(1);
      step(true);
      expect(step(false)).toBeGreaterThanOrEqual(1.5);
      emptyCpuCache();
      expect(memoryStats().cachedCpuBytes).toBe(0);
      expect(step(false)).toBeLessThanOrEqual(1);
    }),
  );

  it('garbage is not counted once it is collected', async () => {
    await collectGarbage();
    const before = memoryStats();
    (() => {
      for (let i = 0; i < 100; i++) zeros([100]).add(1);
    })();
    await collectGarbage();
    expect(memoryStats().tensors).toBe(before.tensors);
    expect(memoryStats().bytes).toBe(before.bytes);
  });

  it('memory that JavaScript owns is none of libtorch', () => {
    const before = memoryStats().cpuBytes;
    const x = fromBuffer(new Float32Array(100_000));
    expect(memoryStats().cpuBytes).toBe(before);
    x.dispose();
  });
});

describe('dispose', () => {
  it('frees at once, and twice is fine', () => {
    const x = zeros([1000]);
    expect(x.disposed).toBe(false);
    x.dispose();
    x.dispose();
    expect(x.disposed).toBe(true);
  });

  it('use afterwards says where the tensor came from', () => {
    const x = ones([2]).relu();
    x.dispose();
    expect(message(() => x.add(1))).toMatchInlineSnapshot(
      `"TorchError: Tensor was disposed; it was created by aten::relu. Use it before dispose() or the end of its scope(), or keep() it"`,
    );
    expect(message(() => x.shape)).toMatchInlineSnapshot(
      `"TorchError: Tensor was disposed; it was created by aten::relu. Use it before dispose() or the end of its scope(), or keep() it"`,
    );
    const y = fromBuffer(new Float32Array(1));
    y.dispose();
    expect(message(() => y.item())).toMatchInlineSnapshot(
      `"TorchError: Tensor was disposed. Use it before dispose() or the end of its scope(), or keep() it"`,
    );
  });

  it('views live on', () => {
    const x = tensor([1, 2, 3]);
    const view = x.narrow(0, 1, 2);
    x.dispose();
    expect(view.toArray()).toEqual([2, 3]);
    view.dispose();
  });

  it('ends a using block', () => {
    let outside: Tensor;
    {
      using x = ones([3]);
      using y = x.add(1);
      outside = y;
      expect(y.sum().item()).toBe(6);
    }
    expect(outside.disposed).toBe(true);
    expect(() => {
      using x = ones([3]);
      outside = x;
      throw new Error('inside');
    }).toThrow('inside');
    expect(outside.disposed).toBe(true);
  });
});
