import { describe, expect, it } from 'vitest';
import { keep, memoryStats, ones, scope, Tensor, tensor } from '../../lib/tensor/index.ts';
import { release, temporaries } from '../../lib/tensor/scope.ts';
import { message } from '../helpers/index.ts';

describe('scope', () => {
  it('disposes what was made inside, but not the result', () => {
    let inner: Tensor | undefined;
    const result = scope(() => {
      inner = ones([2]);
      return inner.mul(3);
    });
    expect([inner?.disposed, result.toArray()]).toEqual([true, [3, 3]]);
    result.dispose();
  });

  it('keeps tensors in arrays, Maps, Sets and plain objects of the result', () => {
    const made = scope(() => ({
      list: [ones([1]), [ones([2])]],
      map: new Map([['a', ones([3])]]),
      set: new Set([ones([4])]),
      bare: Object.assign(Object.create(null), { x: ones([5]) }) as { x: Tensor },
      twice: null as unknown,
      text: 'x',
    }));
    const all = [
      made.list[0],
      (made.list[1] as Tensor[])[0],
      made.map.get('a'),
      [...made.set][0],
      made.bare.x,
    ];
    expect(all.map((item) => (item as Tensor).numel())).toEqual([1, 2, 3, 4, 5]);
    for (const item of all) (item as Tensor).dispose();
  });

  it('survives results that contain themselves', () => {
    const result = scope(() => {
      const loop: Record<string, unknown> = { x: ones([1]) };
      loop.self = loop;
      return loop;
    });
    expect((result.x as Tensor).disposed).toBe(false);
    (result.x as Tensor).dispose();
  });

  it('hands tensors to the scope around it', () => {
    let passed: Tensor | undefined;
    scope(() => {
      passed = scope(() => ones([2]));
      expect(passed.disposed).toBe(false);
    });
    expect(passed?.disposed).toBe(true);
  });

  it('leaves tensors from outside alone, also as result', () => {
    const x = ones([2]);
    expect(scope(() => x)).toBe(x);
    expect(x.disposed).toBe(false);
    x.dispose();
  });

  it('disposes all when it throws', () => {
    let inner: Tensor | undefined;
    expect(() =>
      scope(() => {
        inner = ones([2]);
        throw new Error('inside');
      }),
    ).toThrow('inside');
    expect(inner?.disposed).toBe(true);
  });

  it('keep() takes a tensor out of all scopes, release() out of the innermost temporaries at its last use', () => {
    let kept: Tensor | undefined;
    scope(() => {
      const outer = ones([1]);
      temporaries(() => {
        kept = keep(ones([2]));
        keep(outer);
        release(kept);
        const inner = ones([3]);
        release(inner);
        expect([inner.disposed, kept.disposed]).toEqual([true, false]);
      });
      release(outer);
      expect(outer.disposed).toBe(false);
      outer.dispose();
    });
    expect(kept?.disposed).toBe(false);
    kept?.dispose();
  });

  it('disposed tensors inside are no trouble', () => {
    expect(
      scope(() => {
        const x = ones([2]);
        x.dispose();
        return x;
      }).disposed,
    ).toBe(true);
  });

  it('refuses asynchronous functions and frees what they made so far', () => {
    let inner: Tensor | undefined;
    expect(
      message(() =>
        scope(async () => {
          inner = ones([2]);
        }),
      ),
    ).toMatchInlineSnapshot(
      `"TypeError: Expected a synchronous function for scope, got one that returns a promise; call scope around the synchronous parts, between awaits"`,
    );
    expect(inner?.disposed).toBe(true);
  });

  it('counts nothing when it is done', () => {
    const before = memoryStats().tensors;
    for (let i = 0; i < 1000; i++) {
      scope(() => {
        const [values] = ones([4])
          .reshape([2, 2])
          .matmul(ones([2, 2]))
          .max(1);
        return values.sum().item();
      });
    }
    expect(memoryStats().tensors).toBe(before);
  });

  it('lists every object that a method makes', () => {
    const before = memoryStats().tensors;
    const x = tensor([1, 2], { requiresGrad: true });
    scope(() => {
      x.mul(2).sum().backward();
      expect(x.grad).toBeInstanceOf(Tensor);
      x.split(1);
      x.untypedStorage();
      x.detach().data();
      x.to('float64').toArray();
      x.toString();
    });
    expect(memoryStats().tensors).toBe(before + 1);
    x.dispose();
  });
});
