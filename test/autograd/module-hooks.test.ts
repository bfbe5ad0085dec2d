import { describe, expect, it } from 'vitest';
import { nn } from '../../lib/index.ts';
import { noGrad, ones, scope, type Tensor, tensor } from '../../lib/tensor/index.ts';
import { message, withScope } from '../helpers/index.ts';

const values = (gradients: readonly (Tensor | null)[]) => gradients.map((g) => g?.toArray() ?? null);

/** y = [[1, 2], [3, 4]] x */
function linear(): nn.Linear {
  const layer = new nn.Linear(2, 2);
  noGrad(() => {
    layer.weight.copy_(
      tensor([
        [1, 2],
        [3, 4],
      ]),
    );
    layer.bias?.zero_();
  });
  return layer;
}

class Pair extends nn.Module {
  forward(a: Tensor, n: number, b: Tensor): [Tensor, number, Tensor] {
    return [a.mul(n), n, a.mul(b)];
  }
}

// Figures by PyTorch 2.13: the same modules and hooks in Python.
describe('full backward hooks of a module', () => {
  it(
    'see the gradients of its outputs, then those of its inputs',
    withScope(() => {
      const layer = linear();
      const log: unknown[] = [];
      layer.registerFullBackwardHook((module, gradInput, gradOutput) => {
        expect(module).toBe(layer);
        log.push(['post', values(gradInput), values(gradOutput)]);
      });
      layer.registerFullBackwardPreHook((_module, gradOutput) => {
        log.push(['pre', values(gradOutput)]);
      });
      const x = tensor([[1, 1]], { requiresGrad: true });
      const y = layer.forward(x);
      expect(y.gradFn).toBe('BackwardHookFunctionBackward');
      y.mul(tensor([[1, 10]]))
        .sum()
        .backward();
      expect(log).toEqual([
        ['pre', [[[1, 10]]]],
        ['post', [[[31, 42]]], [[[1, 10]]]],
      ]);
      expect([x.grad?.toArray(), layer.weight.grad?.toArray()]).toEqual([
        [[31, 42]],
        [
          [1, 1],
          [10, 10],
        ],
      ]);
    }),
  );

  it(
    'replace gradients by what they return',
    withScope(() => {
      const layer = linear();
      const seen: unknown[] = [];
      layer.registerFullBackwardPreHook((_module, [g]) => [(g as Tensor).mul(2)]);
      layer.registerFullBackwardHook((_module, [g], gradOutput) => {
        seen.push(values(gradOutput));
        return [(g as Tensor).mul(100)];
      });
      const x = tensor([[1, 1]], { requiresGrad: true });
      layer.forward(x).sum().backward();
      expect(seen).toEqual([[[[2, 2]]]]);
      expect([x.grad?.toArray(), layer.weight.grad?.toArray()]).toEqual([
        [[800, 1200]],
        [
          [2, 2],
          [2, 2],
        ],
      ]);
    }),
  );

  it(
    'have a place for each input and output, tensor or not',
    withScope(() => {
      const module = new Pair();
      const log: unknown[] = [];
      module.registerFullBackwardHook((_module, gradInput, gradOutput) => {
        log.push([values(gradInput), values(gradOutput)]);
      });
      const a = tensor([1, 2], { requiresGrad: true });
      const [first, n, second] = module.forward(a, 5, tensor([3, 4]));
      expect([first.gradFn, n, second.gradFn]).toEqual([
        'BackwardHookFunctionBackward',
        5,
        'BackwardHookFunctionBackward',
      ]);
      first.sum().backward();
      expect(log).toEqual([
        [
          [[5, 5], null, [0, 0]],
          [[1, 1], null, null],
        ],
      ]);
      expect(a.grad?.toArray()).toEqual([5, 5]);
    }),
  );

  it(
    'run with nulls where no input requires grad, and may not replace then',
    withScope(() => {
      const layer = linear();
      const log: unknown[] = [];
      const handle = layer.registerFullBackwardHook((_module, gradInput, gradOutput) => {
        log.push([values(gradInput), values(gradOutput)]);
      });
      layer
        .forward(ones([1, 2]))
        .sum()
        .backward();
      expect(log).toEqual([[[null], [[[1, 1]]]]]);
      handle.remove();
      layer.registerFullBackwardHook(() => [ones([1, 2])]);
      expect(
        message(() =>
          layer
            .forward(ones([1, 2]))
            .sum()
            .backward(),
        ),
      ).toMatchInlineSnapshot(
        `"TypeError: Expected nothing or nulls from a hook of registerFullBackwardHook where no input requires grad, got a Tensor"`,
      );
    }),
  );

  it(
    'are not there without recording, and gone after remove()',
    withScope(() => {
      const layer = linear();
      const handle = layer.registerFullBackwardHook(() => {
        throw new Error('not reached');
      });
      expect(noGrad(() => layer.forward(ones([1, 2]))).gradFn).toBeNull();
      handle.remove();
      expect(layer.hasHooks).toBe(false);
      const y = layer.forward(ones([1, 2]));
      expect(y.gradFn).toBe('AddmmBackward0');
      y.sum().backward();
    }),
  );

  it(
    'refuse gradients of the wrong number or kind, and in-place changes of what they watch',
    withScope(() => {
      const withHook = (hook: () => unknown): string => {
        const layer = linear();
        layer.registerFullBackwardHook(hook as never);
        const x = tensor([[1, 1]], { requiresGrad: true });
        return message(() => layer.forward(x).sum().backward());
      };
      expect(withHook(() => [])).toMatchInlineSnapshot(
        `"RangeError: Expected 1 gradients from a hook of registerFullBackwardHook, got 0"`,
      );
      expect(withHook(() => [1])).toMatchInlineSnapshot(
        `"TypeError: Expected Tensors or nulls from a hook of registerFullBackwardHook, got 1"`,
      );
      expect(withHook(async () => [])).toMatchInlineSnapshot(
        `"TypeError: Expected Tensors or nulls from a hook of registerFullBackwardHook, got a Promise"`,
      );
      expect(message(() => linear().registerFullBackwardHook(undefined as never))).toMatchInlineSnapshot(
        `"TypeError: Expected a function for a hook, got undefined"`,
      );
      const layer = linear();
      layer.registerFullBackwardHook(() => {});
      const y = layer.forward(tensor([[1, 1]], { requiresGrad: true }));
      expect(message(() => y.relu_())).toContain('is a view and is being modified inplace');
    }),
  );

  it('work in networks of the package, whose layers free what they make', () => {
    const net = new nn.Sequential(new nn.Linear(2, 3), new nn.ReLU(), new nn.Linear(3, 1));
    const seen: number[][] = [];
    for (const module of net.modules()) {
      module.registerFullBackwardHook((_module, [g]) => {
        seen.push(g?.shape ?? []);
      });
    }
    scope(() => {
      net
        .forward(tensor([[1, 2]], { requiresGrad: true }))
        .sum()
        .backward();
    });
    expect(seen).toEqual([
      [1, 3],
      [1, 3],
      [1, 2],
      [1, 2],
    ]);
    net.dispose();
  });

  it(
    'are copied by clone()',
    withScope(() => {
      const layer = linear();
      let calls = 0;
      layer.registerFullBackwardHook(() => void calls++);
      layer
        .clone()
        .forward(tensor([[1, 1]], { requiresGrad: true }))
        .sum()
        .backward();
      expect(calls).toBe(1);
    }),
  );
});
