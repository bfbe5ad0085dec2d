import { describe, expect, it } from 'vitest';
import { enableGrad, grad, isGradEnabled, ops, scope, type Tensor, tensor } from '../../lib/tensor/index.ts';
import { collectGarbage, message, withScope } from '../helpers/index.ts';

const leaf = (values: number[] = [1, 2]): Tensor => tensor(values, { requiresGrad: true });

describe('registerHook', () => {
  it(
    'shows the gradients of leaves and other tensors, in the order in which backward computes them',
    withScope(() => {
      const x = leaf();
      const y = x.mul(3);
      const seen: [string, unknown][] = [];
      x.registerHook((gradient) => void seen.push(['x', gradient.toArray()]));
      y.registerHook((gradient) => void seen.push(['y', gradient.toArray()]));
      y.mul(y).sum().backward();
      expect(seen).toEqual([
        ['y', [6, 12]],
        ['x', [18, 36]],
      ]);
    }),
  );

  it(
    'takes what a hook returns for the gradient, one hook after the other',
    withScope(() => {
      const x = leaf();
      x.registerHook((gradient) => gradient.mul(10));
      x.registerHook(() => undefined);
      x.registerHook(() => null);
      x.registerHook((gradient) => gradient.add(1));
      x.mul(2).sum().backward();
      expect(x.grad?.toArray()).toEqual([21, 21]);
      expect(grad([x.mul(2).sum()], [x])[0].toArray()).toEqual([21, 21]);
    }),
  );

  it(
    'ends with remove(), twice if need be, also from inside a hook',
    withScope(() => {
      const x = leaf([1]);
      let calls = 0;
      const handle = x.registerHook(() => {
        calls++;
        handle.remove();
      });
      const other = x.registerHook(() => void calls++);
      x.sum().backward();
      expect(calls).toBe(2);
      x.sum().backward();
      expect(calls).toBe(3);
      other.remove();
      other.remove();
      x.sum().backward();
      expect(calls).toBe(3);
    }),
  );

  it(
    'holds for the tensor as it was: changed in place, gradients of both are seen',
    withScope(() => {
      const x = leaf();
      const y = x.mul(2);
      const seen: unknown[] = [];
      y.registerHook((gradient) => void seen.push(gradient.toArray()));
      y.mul_(5);
      y.registerHook((gradient) => void seen.push(gradient.toArray()));
      y.sum().backward();
      // Python: the second hook sees the gradient of the new value first, the first one that of the old.
      expect(seen).toEqual([
        [1, 1],
        [5, 5],
      ]);
    }),
  );

  it(
    'may call backward and grad itself',
    withScope(() => {
      const [x, w] = [leaf([3]), leaf([5])];
      let inner: unknown;
      x.registerHook((gradient) => {
        expect(isGradEnabled()).toBe(false);
        enableGrad(() => {
          inner = grad([w.mul(w).sum()], [w])[0].toArray();
          w.mul(2).sum().backward();
        });
        return gradient;
      });
      x.mul(x).sum().backward();
      expect([inner, x.grad?.toArray(), w.grad?.toArray()]).toEqual([[10], [6], [2]]);
    }),
  );

  it(
    "runs 130 backward passes inside one another: 50 on this thread, then 60 on another, then on libtorch's own",
    withScope(() => {
      const x = leaf([1]);
      let depth = 0;
      let deepest = 0;
      const dive = (): void => {
        const y = x.mul(2);
        y.registerHook(() => {
          depth++;
          deepest = Math.max(deepest, depth);
          if (depth < 130) enableGrad(dive);
          depth--;
        });
        y.sum().backward();
      };
      dive();
      expect([deepest, x.grad?.toArray()]).toEqual([130, [260]]);
    }),
  );

  it(
    'carries an error from the innermost pass through all of them, the same object',
    withScope(() => {
      const thrown = new Error('deep down');
      const x = leaf([1]);
      let depth = 0;
      const dive = (): void => {
        const y = x.mul(2);
        y.registerHook(() => {
          if (++depth === 70) throw thrown;
          enableGrad(dive);
        });
        y.sum().backward();
      };
      let caught: unknown;
      try {
        dive();
      } catch (error) {
        caught = error;
      }
      expect(caught).toBe(thrown);
      x.grad = null;
      x.mul(2).sum().backward();
      expect(x.grad).not.toBeNull();
    }),
  );

  it(
    'ends backward with what a hook throws, with its JavaScript stack',
    withScope(() => {
      const x = leaf();
      const y = x.mul(2);
      y.registerHook(function faultyHook() {
        throw new RangeError('not this one');
      });
      let caught: Error | undefined;
      try {
        y.sum().backward();
      } catch (error) {
        caught = error as Error;
      }
      expect(caught).toBeInstanceOf(RangeError);
      expect(caught?.stack).toContain('faultyHook');
      expect(caught?.stack).toContain('tensor-hooks.test.ts');
      expect(x.grad).toBeNull();
      const z = x.mul(1);
      z.registerHook(() => {
        throw 'a text';
      });
      expect(() => z.sum().backward()).toThrow('a text');
    }),
  );

  it(
    'refuses what is no hook and what no hook may return',
    withScope(() => {
      const x = leaf();
      expect(message(() => x.registerHook(5 as never))).toMatchInlineSnapshot(
        `"TypeError: Expected a function for registerHook, got 5"`,
      );
      expect(message(() => tensor([1]).registerHook(() => {}))).toMatchInlineSnapshot(
        `"TorchError: cannot register a hook on a tensor that doesn't require gradient"`,
      );
      const withHook = (hook: () => unknown): string => {
        const y = x.mul(2);
        y.registerHook(hook as never);
        return message(() => y.sum().backward());
      };
      expect(withHook(() => 5)).toMatchInlineSnapshot(
        `"TypeError: Expected a Tensor, null or nothing from the hook of registerHook, got 5"`,
      );
      expect(withHook(async () => {})).toMatchInlineSnapshot(
        `"TypeError: Expected a Tensor, null or nothing from the hook of registerHook, got a Promise"`,
      );
      expect(withHook(() => tensor([1, 2, 3]))).toMatchInlineSnapshot(
        `"TorchError: hook '0' has changed the size of value"`,
      );
      expect(withHook(() => tensor([1, 2], { dtype: 'float64' }))).toMatchInlineSnapshot(
        `"TorchError: hook '0' has changed the type of value (was CPUFloatType got CPUDoubleType)"`,
      );
    }),
  );

  it(
    'runs in the modes of the pass: recorded with createGraph only',
    withScope(() => {
      const x = leaf();
      const modes: boolean[] = [];
      x.registerHook((gradient) => {
        const doubled = gradient.mul(2);
        modes.push(doubled.requiresGrad);
        return doubled;
      });
      const [first] = grad([x.pow(3).sum()], [x], { createGraph: true });
      const [second] = grad([first.sum()], [x]);
      expect(modes).toEqual([true, false]);
      expect([first.detach().toArray(), second.toArray()]).toEqual([
        [6, 24],
        [24, 48],
      ]);
    }),
  );

  it('gives gradients that outlive the scope around backward', () => {
    let seen: Tensor | undefined;
    scope(() => {
      const x = leaf();
      x.registerHook((gradient) => {
        seen = gradient;
      });
      x.mul(4).sum().backward();
    });
    expect(seen?.toArray()).toEqual([4, 4]);
    seen?.dispose();
  });

  it('is let go with its tensor', async () => {
    const freed: string[] = [];
    const registry = new FinalizationRegistry((name: string) => freed.push(name));
    (() => {
      const hook = (): void => {};
      const kept = (): void => {};
      registry.register(hook, 'of a tensor that is gone');
      registry.register(kept, 'that was removed');
      const x = leaf();
      const y = x.mul(2);
      y.registerHook(hook);
      x.registerHook(kept).remove();
      y.dispose();
      x.dispose();
    })();
    for (let i = 0; i < 20 && freed.length < 2; i++) {
      tensor([1]).requiresGrad_(); // a call of autograd's, in which what libtorch let go is let go here
      await collectGarbage();
    }
    expect(freed.sort()).toEqual(['of a tensor that is gone', 'that was removed']);
  });
});

describe('registerPostAccumulateGradHook', () => {
  it(
    'runs after each accumulation, with the very leaf',
    withScope(() => {
      const x = leaf();
      const seen: unknown[] = [];
      const handle = x.registerPostAccumulateGradHook((same) => {
        expect(same).toBe(x);
        seen.push(same.grad?.toArray());
      });
      x.mul(2).sum().backward();
      x.mul(3).sum().backward();
      handle.remove();
      x.sum().backward();
      expect(seen).toEqual([
        [2, 2],
        [5, 5],
      ]);
    }),
  );

  it(
    'may take the gradient away, as an optimizer inside backward does',
    withScope(() => {
      const x = leaf();
      x.registerPostAccumulateGradHook((same) => {
        ops.aten.sub_(same.detach(), same.grad as Tensor);
        same.grad = null;
      });
      x.mul(2).sum().backward();
      expect([x.detach().toArray(), x.grad]).toEqual([[-1, 0], null]);
    }),
  );

  it(
    'does not run for grad(), which accumulates nothing',
    withScope(() => {
      const x = leaf();
      let calls = 0;
      x.registerPostAccumulateGradHook(() => void calls++);
      grad([x.sum()], [x]);
      expect(calls).toBe(0);
    }),
  );

  it(
    'is refused for tensors that accumulate nothing; its errors end backward',
    withScope(() => {
      const x = leaf();
      expect(message(() => x.mul(2).registerPostAccumulateGradHook(() => {}))).toMatchInlineSnapshot(
        `"TorchError: post accumulate grad hooks cannot be registered on non-leaf tensors"`,
      );
      expect(message(() => tensor([1]).registerPostAccumulateGradHook(() => {}))).toMatchInlineSnapshot(
        `"TorchError: cannot register a hook on a tensor that doesn't require gradient"`,
      );
      x.registerPostAccumulateGradHook(() => {
        throw new Error('no more');
      });
      expect(() => x.sum().backward()).toThrow('no more');
    }),
  );
});

describe('retainGrad', () => {
  it(
    'keeps the gradient of a tensor that is no leaf, after its hooks',
    withScope(() => {
      const x = leaf();
      const y = x.mul(3);
      expect(y.retainsGrad).toBe(false);
      y.retainGrad();
      y.retainGrad();
      y.registerHook((gradient) => gradient.mul(2));
      y.mul(y).sum().backward();
      expect([y.retainsGrad, y.grad?.toArray(), x.grad?.toArray()]).toEqual([true, [12, 24], [36, 72]]);
    }),
  );

  it(
    'does nothing to a leaf, and needs a tensor that requires grad',
    withScope(() => {
      const x = leaf();
      x.retainGrad();
      expect(x.retainsGrad).toBe(false);
      expect(message(() => tensor([1]).retainGrad())).toMatchInlineSnapshot(
        `"TorchError: can't retain_grad on Tensor that has requires_grad=False"`,
      );
    }),
  );
});
