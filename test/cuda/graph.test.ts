import { describe, expect } from 'vitest';
import { cuda, models, type nn, noGrad, rand, randn, scope, type Tensor, zeros } from '../../lib/index.ts';
import { expectClose, itOnCuda, message } from '../helpers/index.ts';

const device = 'cuda';

/** `fn` with a warm-up on another stream, as a capture wants it. */
function recorded<T>(fn: () => T): { recording: cuda.CUDAGraph; result: T } {
  cuda.withStream(new cuda.Stream(), () => scope(() => void fn()));
  cuda.synchronize();
  const recording = new cuda.CUDAGraph();
  return { recording, result: cuda.graph(recording, fn) };
}

describe('CUDA graphs', () => {
  itOnCuda('do again what was recorded, with what the inputs hold now', () => {
    scope(() => {
      const x = zeros([3], { device });
      const { recording, result } = recorded(() => x.add(1).mul(2));
      recording.replay();
      expect(result.toArray()).toEqual([2, 2, 2]);
      x.fill_(4);
      recording.replay();
      expect(result.toArray()).toEqual([10, 10, 10]);
      recording.reset();
    });
  });

  itOnCuda('record a whole network, which gives the logits of the network itself', () => {
    scope(() => {
      const model = models.resnet18_ibn_a().to({ device }).eval();
      const x = rand([2, 3, 64, 64], { device });
      noGrad(() => {
        const { recording, result } = recorded(() => model.forward(x));
        const batch = rand([2, 3, 64, 64], { device });
        x.copy_(batch);
        recording.replay();
        expectClose(result, model.forward(batch), { rtol: 1e-4, atol: 1e-4 });
        recording.reset();
      });
    });
  });

  itOnCuda('record a training step of the fused norm', () => {
    scope(() => {
      const norm = new models.IBN(16).to({ device });
      const x = randn([4, 16, 9, 7], { device });
      const weight = norm.IN?.weight as nn.Parameter;
      const { recording } = recorded(() => {
        weight.grad = null;
        norm.forward(x).pow(2).sum().backward();
      });
      recording.replay();
      const grad = (weight.grad as Tensor).clone();
      weight.grad = null;
      norm.forward(x).pow(2).sum().backward();
      expectClose(grad, weight.grad as unknown as Tensor, { rtol: 1e-4, atol: 1e-4 });
      recording.reset();
    });
  });

  itOnCuda('share memory', () => {
    scope(() => {
      const size = 1 << 22;
      const x = zeros([size], { device });
      const first = recorded(() => x.add(1)).recording;
      const before = cuda.memoryReserved();
      const second = new cuda.CUDAGraph();
      scope(() => void cuda.graph(second, () => x.add(2), { pool: first.pool() }));
      expect(second.pool()).toEqual(first.pool());
      expect(cuda.memoryReserved()).toBeLessThan(before + 4 * size + (2 << 20));
      const pool = cuda.graphPoolHandle();
      const third = new cuda.CUDAGraph();
      cuda.graph(third, () => x.add(3), { pool });
      expect(third.pool()).toEqual(pool);
      for (const one of [first, second, third]) one.reset();
    });
  });

  itOnCuda('draw new random numbers at each replay', () => {
    scope(() => {
      const { recording, result } = recorded(() => rand([8], { device }));
      recording.replay();
      const first = result.toArray();
      recording.replay();
      expect(result.toArray()).not.toEqual(first);
      recording.reset();
    });
  });

  itOnCuda('fail without harm where something cannot be recorded', () => {
    scope(() => {
      const x = zeros([3], { device });
      const recording = new cuda.CUDAGraph();
      expect(message(() => cuda.graph(recording, () => x.add(1).cpu().toArray()))).toMatch(/captur/);
      expect(cuda.isCurrentStreamCapturing()).toBe(false);
      expect(x.add(1).toArray()).toEqual([1, 1, 1]);
      const result = cuda.graph(recording, () => x.add(1));
      recording.replay();
      expect(result.toArray()).toEqual([1, 1, 1]);
      recording.reset();
    });
  });

  itOnCuda('throw what the function throws, and end the capture', () => {
    const recording = new cuda.CUDAGraph();
    const fail = () => {
      expect(cuda.isCurrentStreamCapturing()).toBe(true);
      throw new RangeError('mine');
    };
    expect(message(() => cuda.graph(recording, fail))).toBe('RangeError: mine');
    expect(message(() => cuda.graph(recording, async () => 1))).toContain(
      'synchronous function for cuda.graph',
    );
    expect(cuda.isCurrentStreamCapturing()).toBe(false);
  });

  itOnCuda('say what they expected', () => {
    const recording = new cuda.CUDAGraph();
    expect(message(() => recording.replay())).toContain('without a preceding successful capture');
    expect(message(() => recording.pool())).toContain('without a preceding successful capture');
    expect(message(() => recording.captureEnd())).toContain('Expected a graph whose capture has begun');
    expect(message(() => recording.captureBegin())).toContain('non-default stream');
    expect(message(() => recording.captureBegin({ captureErrorMode: 'strict' as never }))).toBe(
      'RangeError: Expected one of global, thread_local, relaxed for captureErrorMode, got "strict"',
    );
    expect(message(() => recording.captureBegin({ pool: [1] as never }))).toContain('for pool');
    expect(message(() => recording.captureBegin({ pools: 1 } as never))).toContain('did you mean pool?');
    cuda.graph(recording, () => {
      expect(message(() => recording.captureBegin())).toContain('whose capture has begun');
      expect(message(() => new cuda.CUDAGraph().captureBegin())).toContain('captures do not nest');
      expect(message(() => recording.reset())).toContain('end it first');
    });
    recording.reset();
  });
});
