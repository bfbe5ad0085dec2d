import { describe, expect, it } from 'vitest';
import { cuda, tensor } from '../../lib/index.ts';
import { errorOf, itOnCuda, message, withScope } from '../helpers/index.ts';

describe('what names a CUDA device', () => {
  const wrong: [unknown, string][] = [
    ['cpu', 'RangeError: Expected a CUDA device ("cuda", "cuda:0" or 0) for device, got "cpu"'],
    ['cuda:x', 'RangeError: Expected a CUDA device ("cuda", "cuda:0" or 0) for device, got "cuda:x"'],
    [-1, 'RangeError: Expected a CUDA device ("cuda", "cuda:0" or 0) for device, got -1'],
    [0.5, 'RangeError: Expected a CUDA device ("cuda", "cuda:0" or 0) for device, got 0.5'],
    [{}, 'TypeError: Expected a CUDA device ("cuda", "cuda:0" or 0) for device, got object'],
  ];

  it.each(wrong)('is no %j, with or without a device', (device, text) => {
    const given = device as cuda.CudaDevice;
    for (const call of [
      () => cuda.setDevice(given),
      () => cuda.device(given, () => 1),
      () => cuda.getDeviceName(given),
      () => cuda.memoryStats(given),
      () => cuda.synchronize(given),
      () => cuda.currentStream(given),
      () => new cuda.Stream({ device: given }),
      () => cuda.getRngState(given),
    ]) {
      expect(message(call)).toBe(text);
    }
  });

  it('needs options that are known', () => {
    expect(message(() => new cuda.Stream({ prio: 1 } as never))).toMatchInlineSnapshot(
      `"RangeError: Expected a known option for Stream, got "prio"; did you mean priority?"`,
    );
    expect(message(() => new cuda.Stream({ priority: 0.5 }))).toMatchInlineSnapshot(
      `"RangeError: Expected an integer for Stream priority, got 0.5"`,
    );
    expect(message(() => new cuda.Event({ timing: true } as never))).toMatchInlineSnapshot(
      `"RangeError: Expected a known option for Event, got "timing"; known options: enableTiming"`,
    );
  });

  it(
    'is told from other native values',
    withScope(() => {
      const x = tensor([1]);
      expect(message(() => cuda.setStream(x as never))).toMatch(
        /^(TypeError: Expected a Stream|TorchError: CUDA)/,
      );
      expect(message(() => x.recordStream(x as never))).toContain(
        'Expected a Stream for aten::record_stream',
      );
    }),
  );

  itOnCuda('is refused when it is not there', () => {
    const count = cuda.deviceCount();
    const error = errorOf(() => cuda.setDevice(count));
    expect(`${error.name}: ${error.message}`).toBe(
      `RangeError: Expected a CUDA device from 0 to ${count - 1} for "device", got ${count}`,
    );
  });
});
