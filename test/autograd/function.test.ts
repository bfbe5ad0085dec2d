import { describe, expect, it } from 'vitest';
import { autograd } from '../../lib/index.ts';
import {
  grad,
  memoryStats,
  noGrad,
  ones,
  scope,
  type Tensor,
  tensor,
  zeros,
} from '../../lib/tensor/index.ts';
import { collectGarbage, message, withScope } from '../helpers/index.ts';

type Ctx<S extends readonly (Tensor | null)[] = Tensor[]> = autograd.FunctionCtx<S>;
const leaf = (values: number[] = [1, 2]): Tensor => tensor(values, { requiresGrad: true });

class Exp extends autograd.Function {
  static forward(ctx: Ctx<[Tensor]>, x: Tensor): Tensor {
    const y = x.exp();
    ctx.saveForBackward(y);
    return y;
  }

  static backward(ctx: Ctx<[Tensor]>, gradOutput: Tensor): Tensor {
    const [y] = ctx.savedTensors;
    return gradOutput.mul(y);
  }
}

/** x^3 with inputs that are no tensors; its backward is made of ops. */
class Power extends autograd.Function {
  static forward(ctx: Ctx<[Tensor]> & { n: number }, x: Tensor, n: number, _label: string): Tensor {
    ctx.n = n;
    ctx.saveForBackward(x);
    return x.pow(n);
  }

  static backward(ctx: Ctx<[Tensor]> & { n: number }, gradOutput: Tensor): (Tensor | null)[] {
    const [x] = ctx.savedTensors;
    return [gradOutput.mul(x.pow(ctx.n - 1)).mul(ctx.n), null, null];
  }
}

describe('a Function', () => {
  it(
    'has its own derivative, and its name in the graph',
    withScope(() => {
      const x = leaf([0, 1]);
      const y = Exp.apply(x);
      expect([y.gradFn, y.requiresGrad, y.isLeaf]).toEqual(['ExpBackward', true, false]);
      y.mul(2).sum().backward();
      expect((x.grad as Tensor).toArray<number[]>().map((value) => value.toFixed(4))).toEqual([
        '2.0000',
        '5.4366',
      ]);
    }),
  );

  it(
    'passes gradcheck and gradgradcheck when its backward is made of ops',
    withScope(() => {
      const x = tensor([0.5, 1.5], { dtype: 'float64', requiresGrad: true });
      expect(autograd.gradcheck((v: Tensor) => Exp.apply(v), x)).toBe(true);
      expect(autograd.gradgradcheck((v: Tensor) => Exp.apply(v), x)).toBe(true);
      expect(autograd.gradgradcheck((v: Tensor) => Power.apply(v, 3, 'cube'), x)).toBe(true);
    }),
  );

  it(
    'takes inputs that are no tensors, for which backward gives null',
    withScope(() => {
      const x = leaf([2, 3]);
      Power.apply(x, 3, 'cube').sum().backward();
      expect(x.grad?.toArray()).toEqual([12, 27]);
    }),
  );

  it(
    'is not recorded without need',
    withScope(() => {
      expect(Exp.apply(tensor([1])).requiresGrad).toBe(false);
      const x = leaf();
      expect(noGrad(() => Exp.apply(x)).requiresGrad).toBe(false);
      expect(Exp.apply(x).requiresGrad).toBe(true);
    }),
  );

  it(
    'computes forward without recording it',
    withScope(() => {
      const inside: boolean[] = [];
      class Watch extends autograd.Function {
        static forward(_ctx: Ctx, x: Tensor): Tensor {
          const y = x.mul(2);
          inside.push(y.requiresGrad);
          return y;
        }
        static backward(_ctx: Ctx, g: Tensor): Tensor {
          return g;
        }
      }
      Watch.apply(leaf());
      expect(inside).toEqual([false]);
    }),
  );

  it(
    'has several outputs, with zeros or null for the gradients that do not come',
    withScope(() => {
      const seen: unknown[] = [];
      class Both extends autograd.Function {
        static forward(ctx: Ctx, x: Tensor, materialize: boolean): [Tensor, string, Tensor] {
          ctx.setMaterializeGrads(materialize);
          return [x.mul(2), 'between', x.mul(3)];
        }
        static backward(_ctx: Ctx, a: Tensor | null, text: null, b: Tensor | null): (Tensor | null)[] {
          seen.push([a?.toArray() ?? null, text, b?.toArray() ?? null]);
          return [b === null ? null : b.mul(3), null];
        }
      }
      const x = leaf();
      const [first, text, second] = Both.apply(x, true);
      expect([first.gradFn, text, second.gradFn]).toEqual(['BothBackward', 'between', 'BothBackward']);
      second.sum().backward();
      Both.apply(x, false)[0].sum().backward();
      expect(seen).toEqual([
        [[0, 0], null, [1, 1]],
        [[1, 1], null, null],
      ]);
      expect(x.grad?.toArray()).toEqual([3, 3]);
    }),
  );

  it(
    'says which inputs need a gradient',
    withScope(() => {
      const seen: unknown[] = [];
      class Needs extends autograd.Function {
        static forward(ctx: Ctx, a: Tensor, b: Tensor, n: number): Tensor {
          seen.push(ctx.needsInputGrad);
          return a.add(b).mul(n);
        }
        static backward(ctx: Ctx, g: Tensor): (Tensor | null)[] {
          seen.push(ctx.needsInputGrad);
          return [g, null, null];
        }
      }
      Needs.apply(leaf(), tensor([1, 2]), 1)
        .sum()
        .backward();
      expect(seen).toEqual([
        [true, false, false],
        [true, false, false],
      ]);
    }),
  );

  it(
    'marks outputs that have no gradient',
    withScope(() => {
      class Sort extends autograd.Function {
        static forward(ctx: Ctx, x: Tensor): [Tensor, Tensor] {
          const [values, places] = x.sort();
          ctx.markNonDifferentiable(places);
          ctx.saveForBackward(places);
          return [values, places];
        }
        static backward(ctx: Ctx<[Tensor]>, g: Tensor, none: Tensor): Tensor {
          expect(none.toArray()).toEqual([0, 0, 0]);
          const [places] = ctx.savedTensors;
          return zeros([3]).indexAdd(0, places, g);
        }
      }
      const x = leaf([3, 1, 2]);
      const [values, places] = Sort.apply(x);
      expect([values.requiresGrad, places.requiresGrad, places.dtype]).toEqual([true, false, 'int64']);
      values
        .mul(tensor([10, 20, 30]))
        .sum()
        .backward();
      expect(x.grad?.toArray()).toEqual([30, 10, 20]);
    }),
  );

  it(
    'changes inputs in place that it marks dirty, and returns the very input',
    withScope(() => {
      class Double extends autograd.Function {
        static forward(ctx: Ctx, x: Tensor): Tensor {
          ctx.markDirty(x);
          return x.mul_(2);
        }
        static backward(_ctx: Ctx, g: Tensor): Tensor {
          return g.mul(2);
        }
      }
      const x = leaf();
      const y = x.mul(1);
      const z = Double.apply(y);
      expect(z.isSame(y)).toBe(true);
      expect(y.gradFn).toBe('DoubleBackward');
      y.sum().backward();
      expect(x.grad?.toArray()).toEqual([2, 2]);
      expect(message(() => Double.apply(x))).toMatchInlineSnapshot(
        `"TorchError: a leaf Variable that requires grad has been used in an in-place operation."`,
      );
    }),
  );

  it(
    'gives a view of an input that it returns unchanged',
    withScope(() => {
      class Same extends autograd.Function {
        static forward(_ctx: Ctx, x: Tensor): Tensor {
          return x;
        }
        static backward(_ctx: Ctx, g: Tensor): Tensor {
          return g.mul(7);
        }
      }
      const x = leaf();
      const y = Same.apply(x);
      expect([y === x, x.isLeaf, y.gradFn]).toEqual([false, true, 'SameBackward']);
      y.sum().backward();
      expect(x.grad?.toArray()).toEqual([7, 7]);
    }),
  );

  it(
    'may have setupContext beside a forward without context',
    withScope(() => {
      class Cube extends autograd.Function {
        static forward(x: Tensor): Tensor {
          return x.mul(x).mul(x);
        }
        static setupContext(ctx: Ctx<[Tensor]>, [x]: [Tensor], _output: Tensor): void {
          ctx.saveForBackward(x);
        }
        static backward(ctx: Ctx<[Tensor]>, g: Tensor): Tensor {
          const [x] = ctx.savedTensors;
          return x.mul(x).mul(3).mul(g);
        }
      }
      const x = leaf();
      Cube.apply(x).sum().backward();
      expect(x.grad?.toArray()).toEqual([3, 12]);
    }),
  );

  it(
    'saves nothing longer than the graph, and says so as torch does',
    withScope(() => {
      const x = leaf();
      const y = Exp.apply(x).sum();
      y.backward(null, { retainGraph: true });
      y.backward();
      expect(message(() => y.backward())).toMatchInlineSnapshot(
        `"TorchError: Trying to backward through the graph a second time (or directly access saved tensors after they have already been freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors after calling backward."`,
      );
    }),
  );

  it(
    'notices saved tensors that were changed in place',
    withScope(() => {
      const x = leaf();
      const y = Exp.apply(x);
      y.add_(1);
      expect(message(() => y.sum().backward())).toContain('modified by an inplace operation');
    }),
  );

  it(
    'keeps null and leaves among the saved tensors',
    withScope(() => {
      let saved: readonly (Tensor | null)[] = [];
      class Keep extends autograd.Function {
        static forward(ctx: Ctx<[Tensor, null]>, x: Tensor): Tensor {
          ctx.saveForBackward(x, null);
          return x.mul(2);
        }
        static backward(ctx: Ctx<[Tensor, null]>, g: Tensor): Tensor {
          saved = ctx.savedTensors;
          return g.mul(2);
        }
      }
      const x = leaf();
      Keep.apply(x).sum().backward();
      expect(saved[1]).toBeNull();
      expect(saved[0]?.isSame(x)).toBe(true);
    }),
  );
});

describe('errors of a Function', () => {
  class Faulty extends autograd.Function {
    static forward(_ctx: Ctx, x: Tensor, _result: (g: Tensor) => unknown): Tensor {
      return x.mul(2);
    }
    static backward(ctx: Ctx & { result: (g: Tensor) => unknown }, g: Tensor): unknown {
      return ctx.result(g);
    }
  }
  const result = (fn: (g: Tensor) => unknown): string => {
    class Returns extends Faulty {
      static override forward(ctx: Ctx, x: Tensor, given: (g: Tensor) => unknown): Tensor {
        Object.assign(ctx, { result: given });
        return x.mul(2);
      }
    }
    const x = leaf();
    return message(() => Returns.apply(x, fn).sum().backward());
  };

  it(
    'of backward keep their object and the stack of JavaScript',
    withScope(() => {
      class Broken extends autograd.Function {
        static forward(_ctx: Ctx, x: Tensor): Tensor {
          return x.mul(1);
        }
        static backward(): Tensor {
          throw new RangeError('wrong turn');
        }
      }
      const x = leaf();
      let caught: Error | undefined;
      try {
        Broken.apply(x).sum().backward();
      } catch (error) {
        caught = error as Error;
      }
      expect(caught).toBeInstanceOf(RangeError);
      expect(caught?.stack).toMatch(/Broken\.backward|Function\.backward/);
      expect(caught?.stack).toContain('function.test.ts');
    }),
  );

  it(
    'name it where backward gives the wrong number or kind of gradients',
    withScope(() => {
      expect(result((g) => g)).toMatchInlineSnapshot(
        `"RangeError: Expected 2 gradients from backward of Returns, one for each argument of forward (null for none), got 1"`,
      );
      expect(result((g) => [g, null, g])).toMatchInlineSnapshot(
        `"RangeError: Expected 2 gradients from backward of Returns, one for each argument of forward (null for none), got 3"`,
      );
      expect(result((g) => [g, g])).toMatchInlineSnapshot(
        `"TypeError: Expected null from backward of Returns for argument 1, which is no tensor, got a Tensor"`,
      );
      expect(result(() => [5, null])).toMatchInlineSnapshot(
        `"TypeError: Expected a Tensor or null from backward of Returns for argument 0, got 5"`,
      );
      expect(result(async () => {})).toMatchInlineSnapshot(
        `"RangeError: Expected 2 gradients from backward of Returns, one for each argument of forward (null for none), got 1"`,
      );
      expect(result(() => [ones([3]), null])).toMatchInlineSnapshot(
        `"TorchError: Function ReturnsBackward returned an invalid gradient at index 0 - got [3] but expected shape compatible with [2]"`,
      );
      expect(() => result((g) => [g, null, null])).toThrow('Expected an error, got none');
    }),
  );

  it(
    'name it where it is not made as one',
    withScope(() => {
      class Empty extends autograd.Function {}
      class Half extends autograd.Function {
        static forward(_ctx: Ctx, x: Tensor): Tensor {
          return x.mul(1);
        }
      }
      class Async extends autograd.Function {
        static async forward(_ctx: Ctx, x: Tensor): Promise<Tensor> {
          return x;
        }
      }
      const x = leaf();
      expect(message(() => (Empty as unknown as typeof Half).apply(x))).toMatchInlineSnapshot(
        `"TypeError: Expected a static function forward in the autograd.Function Empty, got undefined"`,
      );
      expect(message(() => Half.apply(x).sum().backward())).toMatchInlineSnapshot(
        `"TypeError: Expected a static function backward in the autograd.Function Half, got undefined"`,
      );
      expect(message(() => Async.apply(x))).toMatchInlineSnapshot(
        `"TypeError: Expected a synchronous function for forward of Async, got one that returns a promise; call forward of Async around the synchronous parts, between awaits"`,
      );
      expect(message(() => Exp.apply.call({} as never, x))).toMatchInlineSnapshot(
        `"TypeError: Expected a subclass of autograd.Function for apply, got an object; call it as MyOp.apply(x)"`,
      );
    }),
  );

  it(
    'name it where the context is used wrongly',
    withScope(() => {
      const misuse = (use: (ctx: Ctx, x: Tensor) => unknown): string => {
        class Misuse extends autograd.Function {
          static forward(ctx: Ctx, x: Tensor): Tensor {
            use(ctx, x);
            return x.mul(1);
          }
          static backward(_ctx: Ctx, g: Tensor): Tensor {
            return g;
          }
        }
        return message(() => Misuse.apply(leaf()));
      };
      expect(misuse((ctx) => ctx.saveForBackward(5 as never))).toMatchInlineSnapshot(
        `"TypeError: Expected Tensors or null for saveForBackward of Misuse, got 5"`,
      );
      expect(misuse((ctx) => ctx.markDirty(undefined as never))).toMatchInlineSnapshot(
        `"TypeError: Expected Tensors for markDirty of Misuse, got undefined"`,
      );
      expect(misuse((ctx) => ctx.setMaterializeGrads(1 as never))).toMatchInlineSnapshot(
        `"TypeError: Expected a boolean for setMaterializeGrads of Misuse, got 1"`,
      );
      expect(misuse((ctx, x) => ctx.markDirty(x))).toMatchInlineSnapshot(
        `"TorchError: Some elements marked as dirty during the forward method were not returned as output. The inputs that are modified inplace must all be outputs of the Function."`,
      );
      let late: Ctx | undefined;
      class Late extends autograd.Function {
        static forward(ctx: Ctx, x: Tensor): Tensor {
          late = ctx;
          return x.mul(1);
        }
      }
      Late.apply(leaf());
      expect(message(() => late?.saveForBackward(leaf()))).toMatchInlineSnapshot(
        `"TypeError: Expected saveForBackward of Late in forward, got a call after it"`,
      );
    }),
  );
});

describe('onceDifferentiable', () => {
  class Square extends autograd.Function {
    static forward(ctx: Ctx<[Tensor]>, x: Tensor): Tensor {
      ctx.saveForBackward(x);
      return x.mul(x);
    }

    static backward = autograd.onceDifferentiable((ctx: Ctx<[Tensor]>, g: Tensor) =>
      ctx.savedTensors[0].mul(2).mul(g),
    );
  }

  it(
    'gives the first derivative and refuses the second',
    withScope(() => {
      const x = leaf();
      const [first] = grad([Square.apply(x).pow(2).sum()], [x], { createGraph: true });
      expect([first.detach().toArray(), first.requiresGrad]).toEqual([[4, 32], true]);
      expect(message(() => first.sum().backward())).toMatchInlineSnapshot(
        `"TorchError: trying to differentiate twice a function that was marked with onceDifferentiable"`,
      );
      Square.apply(x).sum().backward();
      expect(x.grad?.toArray()).toEqual([2, 4]);
      expect(message(() => autograd.onceDifferentiable(3 as never))).toMatchInlineSnapshot(
        `"TypeError: Expected a function for onceDifferentiable, got 3"`,
      );
    }),
  );
});

describe('the memory of a Function', () => {
  it('is freed in a chain of 20,000 of them without overflowing the stack', () => {
    class Next extends autograd.Function {
      static forward(ctx: Ctx<[Tensor]>, x: Tensor): Tensor {
        ctx.saveForBackward(x);
        return x.add(1);
      }
      static backward(_ctx: Ctx<[Tensor]>, g: Tensor): Tensor {
        return g;
      }
    }
    const chain = (x: Tensor): Tensor => {
      let y = x;
      for (let i = 0; i < 20_000; i++) y = Next.apply(y);
      return y;
    };
    const x = leaf([1]);
    chain(x).dispose();
    chain(x).backward();
    expect(x.grad?.item()).toBe(1);
    x.dispose();
  });

  it('is freed by backward, and with a graph that is dropped', async () => {
    const freed: string[] = [];
    const registry = new FinalizationRegistry((name: string) => freed.push(name));
    const before = memoryStats().cpuBytes;
    (() => {
      class Big extends autograd.Function {
        static forward(ctx: Ctx<[Tensor]> & { note: object }, x: Tensor, name: string): Tensor {
          ctx.note = {};
          registry.register(ctx.note, name);
          ctx.saveForBackward(ones([1 << 20]));
          return x.mul(2);
        }
        static backward(_ctx: Ctx<[Tensor]>, g: Tensor): (Tensor | null)[] {
          return [g.mul(2), null];
        }
      }
      const x = leaf();
      const y = scope(() => Big.apply(x, 'after backward'));
      const dropped = scope(() => Big.apply(x, 'dropped'));
      expect(memoryStats().cpuBytes - before).toBeGreaterThan(8 << 20);
      scope(() => y.sum().backward());
      expect(memoryStats().cpuBytes - before).toBeLessThan(5 << 20);
      dropped.dispose();
      expect(memoryStats().cpuBytes - before).toBeLessThan(1 << 20);
      for (const tensor of [x, y]) tensor.dispose();
    })();
    for (let i = 0; i < 20 && freed.length < 2; i++) {
      tensor([1]).requiresGrad_(); // a call of autograd's, in which what libtorch let go is let go here
      await collectGarbage();
    }
    expect(freed.sort()).toEqual(['after backward', 'dropped']);
  });
});
