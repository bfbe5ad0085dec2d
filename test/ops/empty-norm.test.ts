import { describe, expect, it, vi } from 'vitest';
import { ops, randn, scope, type Tensor, zeros } from '../../lib/tensor/index.ts';

const { ibn } = ops as unknown as { ibn: Record<string, (...args: unknown[]) => Tensor> };

// torch.batch_norm, 2.13: an output without elements, gradients of zero, running statistics as they were.
describe('ibn::instance_batch_norm of an input without elements', () => {
  const shapes = [
    [0, 4, 2, 2],
    [2, 4, 0, 2],
    [2, 4, 2, 0],
    [0, 4, 0, 0],
  ];
  const ranges: [number, number][] = [
    [0, 2],
    [1, 3],
    [0, 4],
    [4, 4],
  ];
  const cases = shapes.flatMap((shape) => ranges.map(([start, end]) => ({ shape, start, end })));

  for (const op of ['instance_batch_norm', 'instance_batch_norm_train']) {
    it.each(cases)(
      `${op} gives nothing, and zeros backward: $shape, channels $start to $end`,
      ({ shape, start, end }) =>
        scope(() => {
          const warn = vi.spyOn(process, 'emitWarning');
          const input = zeros(shape, { requiresGrad: true });
          const residual = zeros(shape, { requiresGrad: true });
          const weights = [end - start, end - start, 4 - end + start, 4 - end + start].map((length) =>
            randn([length], { requiresGrad: true }),
          );
          const running = [4 - end + start, 4 - end + start].map((length) => zeros([length]));
          const output = ibn[op]?.(
            input,
            residual,
            start,
            end,
            ...weights,
            ...running,
            1e-5,
            1e-5,
            true,
          ) as Tensor;
          expect(output.shape).toEqual(shape);
          output.sum().backward();
          expect(input.grad?.shape).toEqual(shape);
          for (const weight of weights) {
            expect(weight.grad?.toArray()).toEqual(Array.from({ length: weight.numel() }, () => 0));
          }
          for (const statistic of running) expect(statistic.abs().sum().item()).toBe(0);
          expect(warn).not.toHaveBeenCalled();
          warn.mockRestore();
        }),
    );
  }
});
