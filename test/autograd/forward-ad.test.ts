import { describe, expect, it } from 'vitest';
import { autograd, linalg, models, nn } from '../../lib/index.ts';
import { cat, grad, noGrad, ones, randn, type Tensor, tensor } from '../../lib/tensor/index.ts';
import { expectClose, message, withScope } from '../helpers/index.ts';

const { forwardAd, functional, gradcheck, gradgradcheck } = autograd;
const { dualLevel, makeDual, unpackDual } = forwardAd;
type Ctx = autograd.FunctionCtx<[Tensor, Tensor]>;

const x = tensor([
  [1, 2],
  [3, 4],
]);
const direction = tensor([
  [1, 0],
  [0.5, -1],
]);
const linear = new nn.Linear(2, 2);
noGrad(() => {
  linear.weight.copy_(tensor([1, 2, 3, -1]).reshape([2, 2]));
  linear.bias?.copy_(tensor([0.5, 1]));
});

/** x y n and x + 1, with derivatives of both modes; n is a number. */
class Scaled extends autograd.Function {
  static forward(ctx: Ctx & { n?: number }, a: Tensor, n: number, b: Tensor): [Tensor, Tensor] {
    ctx.n = n;
    ctx.saveForBackward(a, b);
    ctx.saveForForward(a, b);
    return [a.mul(b).mul(n), a.add(1)];
  }
  static backward(ctx: Ctx & { n?: number }, g: Tensor, h: Tensor): (Tensor | null)[] {
    const [a, b] = ctx.savedTensors;
    return [
      g
        .mul(b)
        .mul(ctx.n as number)
        .add(h),
      null,
      g.mul(a).mul(ctx.n as number),
    ];
  }
  static jvp(ctx: Ctx & { n?: number }, a: Tensor, none: null, b: Tensor): (Tensor | null)[] {
    const [first, second] = ctx.savedTensors;
    expect(none).toBe(null);
    return [
      a
        .mul(second)
        .add(b.mul(first))
        .mul(ctx.n as number),
      a,
    ];
  }
}

// Figures by torch.autograd.forward_ad of PyTorch 2.13.
describe('forward mode', () => {
  it.each<[string, (a: Tensor) => Tensor, unknown]>([
    [
      'exp(x) x',
      (a) => a.exp().mul(a),
      [
        [5.436563491821289, 0],
        [40.17107391357422, -272.9907531738281],
      ],
    ],
    [
      'softmax',
      (a) => a.softmax(-1),
      [
        [0.1966119408607483, -0.1966119408607483],
        [0.29491789, -0.29491788],
      ],
    ],
    [
      'a layer',
      (a) => linear.forward(a).tanh(),
      [
        [6.675608892692253e-5, 0.21195244],
        [0, 6.139240576e-5],
      ],
    ],
    ['a sum', (a) => a.pow(3).sum(), -31.5],
    [
      'a product',
      (a) => a.matmul(a),
      [
        [3, 0],
        [2.5, -7],
      ],
    ],
    [
      'constants beside',
      (a) => cat([a, ones([1, 2])]),
      [
        [1, 0],
        [0.5, -1],
        [0, 0],
      ],
    ],
    ['a maximum', (a) => a.max(1).values, [0, -1]],
    ['a determinant', (a) => linalg.det(a), 2],
    ['a view', (a) => a.view([4]), [1, 0, 0.5, -1]],
    [
      'what is not recorded',
      (a) => noGrad(() => a.mul(2)),
      [
        [2, 0],
        [1, -2],
      ],
    ],
  ])('gives the derivative along a direction: %s', (_, fn, expected) => {
    const { primal, tangent } = dualLevel(() => unpackDual(fn(makeDual(x, direction))));
    expectClose(tangent as Tensor, tensor(expected as number[]), { rtol: 1e-5, atol: 1e-7 });
    expectClose(primal, fn(x));
  });

  it('has no tangent for what depends on none, and for detached tensors', () => {
    dualLevel(() => {
      expect(unpackDual(x).tangent).toBe(null);
      expect(unpackDual(makeDual(x, direction).detach()).tangent).toBe(null);
    });
  });

  it('ends with its level, and when the function throws', () => {
    const kept = dualLevel(() => makeDual(x, direction));
    expect(dualLevel(() => unpackDual(kept.mul(1)).tangent)).toBe(null);
    expect(() =>
      dualLevel(() => {
        throw new Error('mine');
      }),
    ).toThrow('mine');
    expect(forwardAd.enterDualLevel()).toBe(0);
    forwardAd.exitDualLevel();
  });

  it('gives the derivative of a derivative together with backward', () => {
    const w = x.clone().requiresGrad_();
    const tangent = dualLevel(() => unpackDual(makeDual(w, direction).pow(3).sum()).tangent as Tensor);
    expect(tangent.item()).toBe(-31.5);
    expect(grad(tangent, [w])[0].toArray()).toEqual([
      [6, 0],
      [9, -24],
    ]);
  });

  it('refuses levels within levels, dual tensors without one, and other shapes and dtypes', () => {
    expect([
      message(() => dualLevel(() => dualLevel(() => 1))),
      message(() => makeDual(x, direction)),
      message(() => unpackDual(x)),
      message(() => forwardAd.exitDualLevel()),
      message(() => dualLevel(() => makeDual(x, x.to('int64')))),
      message(() => dualLevel(() => makeDual(x.to('int64'), x))),
      message(() => dualLevel(() => makeDual(x, x.select(0, 0)))),
      message(() => dualLevel(async () => 1)),
    ]).toMatchInlineSnapshot(`
      [
        "RangeError: Expected no running level for enterDualLevel, got a second; levels do not nest",
        "RangeError: Expected a running level for makeDual, got none; call it inside forwardAd.dualLevel",
        "RangeError: Expected a running level for unpackDual, got none; call it inside forwardAd.dualLevel",
        "RangeError: Expected a running level for exitDualLevel, got none; call it inside forwardAd.dualLevel",
        "RangeError: Expected a floating-point or complex tangent for makeDual, got int64",
        "RangeError: Expected a floating-point or complex tensor for makeDual, got int64",
        "TorchError: aten::_make_dual: Trying to set a forward gradient that has a different size than that of the original Tensor, this is not supported. Tensor is of size [2, 2] while the given forward gradient is of size [2].",
        "TypeError: Expected a synchronous function for dualLevel, got one that returns a promise; call dualLevel around the synchronous parts, between awaits",
      ]
    `);
  });

  it.each([true, false])(
    'goes through norms of our own, as through a composition (training: %s)',
    (training) => {
      const block = new models.IBN(4).to('float64').train(training);
      const [input, tangent] = [0, 1].map(() => randn([2, 4, 3, 3], { dtype: 'float64' })) as [
        Tensor,
        Tensor,
      ];
      const state = block.stateDict();
      const [, expected] = functional.jvp((a) => block.forward(a), input, tangent);
      block.loadStateDict(state);
      for (const mode of [<T>(fn: () => T) => fn(), noGrad]) {
        const found = mode(() =>
          dualLevel(() => unpackDual(block.forward(makeDual(input, tangent))).tangent),
        );
        expectClose(found as Tensor, expected as Tensor);
      }
    },
  );
});

describe('autograd.Function in forward mode', () => {
  const y = tensor([
    [3, 4],
    [5, 6],
  ]);

  it('calls jvp with a tangent for each argument, zeros where it has none', () => {
    const [product, sum] = dualLevel(() =>
      Scaled.apply(makeDual(x, direction), 3, y).map((output) => unpackDual(output as Tensor).tangent),
    ) as Tensor[];
    expect(product?.toArray()).toEqual(direction.mul(y).mul(3).toArray());
    expect(sum?.toArray()).toEqual(direction.toArray());
  });

  it('does not see tangents in forward, which jvp gives', () => {
    let seen: Tensor | null = ones([1]);
    class Peeks extends autograd.Function {
      static forward(_ctx: autograd.FunctionCtx, a: Tensor): Tensor {
        const doubled = a.mul(2);
        seen = unpackDual(doubled).tangent;
        return doubled;
      }
      static jvp(_ctx: autograd.FunctionCtx, a: Tensor): Tensor {
        return a.mul(2);
      }
    }
    dualLevel(() => Peeks.apply(makeDual(x, direction)));
    expect(seen).toBe(null);
  });

  it(
    'passes gradcheck of both modes',
    withScope(() => {
      const [a, b] = [x, y].map((t) => t.to('float64').requiresGrad_()) as [Tensor, Tensor];
      const fn = (p: Tensor, q: Tensor) => Scaled.apply(p, 3, q);
      expect(gradcheck(fn, [a, b], { checkForwardAd: true })).toBe(true);
      expect(gradcheck(fn, [a, b], { checkForwardAd: true, checkBackwardAd: false, fastMode: true })).toBe(
        true,
      );
    }),
  );

  it('refuses to go without jvp, and wrong results of it', () => {
    class Plain extends autograd.Function {
      static forward(_ctx: autograd.FunctionCtx, a: Tensor): Tensor {
        return a.mul(2);
      }
    }
    class Text extends Plain {
      static jvp(): string {
        return 'no tensor';
      }
    }
    class Two extends Plain {
      static jvp(): Tensor[] {
        return [x, x];
      }
    }
    const run = (Of: typeof Plain) => message(() => dualLevel(() => Of.apply(makeDual(x, direction))));
    expect([run(Plain), run(Text), run(Two)]).toMatchInlineSnapshot(`
      [
        "TypeError: Expected a static function jvp in the autograd.Function Plain, which forward mode calls, got undefined",
        "TypeError: Expected Tensors or null from jvp of Text, got "no tensor"",
        "RangeError: Expected 1 tangents from jvp of Two, one for each output, got 2",
      ]
    `);
    expect(Plain.apply(x).toArray()).toEqual(x.mul(2).toArray());
  });
});

describe('gradcheck of forward mode and of batches', () => {
  const leaf = (): Tensor => randn([2, 3], { dtype: 'float64', requiresGrad: true });
  const all = { checkForwardAd: true, checkBatchedGrad: true };

  it(
    'passes right derivatives',
    withScope(() => {
      const complex = randn([2], { dtype: 'complex128', requiresGrad: true });
      for (const fastMode of [false, true]) {
        expect(gradcheck((a: Tensor) => a.softmax(-1).matmul(a.t()), leaf(), { ...all, fastMode })).toBe(
          true,
        );
        expect(gradcheck((a: Tensor) => [a.abs(), a.angle(), a.exp()], complex, { ...all, fastMode })).toBe(
          true,
        );
        const over = { checkFwdOverRev: true, checkBatchedGrad: true, fastMode };
        expect(gradgradcheck((a: Tensor) => a.tanh().mul(a), leaf(), null, over)).toBe(true);
      }
    }),
  );

  it(
    'finds a wrong tangent',
    withScope(() => {
      class Wrong extends autograd.Function {
        static forward(_ctx: autograd.FunctionCtx, a: Tensor): Tensor {
          return a.mul(2);
        }
        static backward(_ctx: autograd.FunctionCtx, g: Tensor): Tensor {
          return g.mul(2);
        }
        static jvp(_ctx: autograd.FunctionCtx, t: Tensor): Tensor {
          return t.mul(3);
        }
      }
      const fn = (a: Tensor) => Wrong.apply(a);
      const one = tensor([1], { dtype: 'float64', requiresGrad: true });
      expect(gradcheck(fn, one)).toBe(true);
      const words = 'Jacobian computed with forward mode mismatch for output 0 with respect to input 0';
      for (const fastMode of [false, true])
        expect(message(() => gradcheck(fn, one, { checkForwardAd: true, fastMode }))).toContain(words);
    }),
  );

  it(
    'finds a backward that takes no batches',
    withScope(() => {
      class Looks extends autograd.Function {
        static forward(_ctx: autograd.FunctionCtx, a: Tensor): Tensor {
          return a.mul(2);
        }
        static backward(_ctx: autograd.FunctionCtx, g: Tensor): Tensor {
          return g.sum().item() === 7 ? g : g.mul(2);
        }
      }
      const fn = (a: Tensor) => Looks.apply(a);
      expect(gradcheck(fn, leaf())).toBe(true);
      expect(message(() => gradcheck(fn, leaf(), { checkBatchedGrad: true }))).toContain(
        'While computing batched gradients, got: ',
      );
    }),
  );
});

// Figures by torch.autograd.functional of PyTorch 2.13.
describe('jacobian and hessian of batches', () => {
  const point = tensor([1, 2]);
  const h = (a: Tensor): Tensor =>
    cat([a.prod().reshape([1]), a.exp().sum().reshape([1]), a.narrow(0, 1, 1)]);

  it.each([{}, { vectorize: true }, { vectorize: true, strategy: 'forward-mode' }] as const)(
    'are the same: %o',
    (options) => {
      const expected = tensor([
        [2, 1],
        [2.7182817, 7.389056],
        [0, 1],
      ]);
      expectClose(functional.jacobian(h, point, options), expected);
      const { strategy = 'reverse-mode', ...rest } = options as autograd.functional.JacobianOptions;
      const found = functional.hessian((a) => a.pow(3).sum().mul(a.select(0, 0)), point, {
        ...rest,
        outerJacobianStrategy: strategy,
      });
      expect(found.toArray()).toEqual([
        [12, 12],
        [12, 12],
      ]);
    },
  );

  it('of several inputs and outputs', () => {
    const both = (a: Tensor, b?: Tensor) => [a.mul(b as Tensor), a.sum().reshape([1])];
    const [one, two, three] = (
      [{}, { vectorize: true }, { vectorize: true, strategy: 'forward-mode' }] as const
    ).map((options) =>
      (functional.jacobian(both, [point, point.mul(3)], options) as Tensor[][]).map((row) =>
        row.map((part) => part.toArray()),
      ),
    );
    expect(two).toEqual(one);
    expect(three).toEqual(one);
  });

  it('refuse what does not go together', () => {
    const of = (options: autograd.functional.JacobianOptions) =>
      message(() => functional.jacobian(h, point, options));
    expect([
      of({ strategy: 'forward-mode' }),
      of({ strategy: 'forward-mode', vectorize: true, createGraph: true }),
      of({ strict: true, vectorize: true }),
      of({ strategy: 'sideways' as never }),
    ]).toMatchInlineSnapshot(`
      [
        "RangeError: Expected vectorize: true beside "forward-mode" for jacobian, got false",
        "RangeError: Expected "reverse-mode" with createGraph for jacobian, got "forward-mode"",
        "RangeError: Expected strict without vectorize for jacobian, got both; a batch hides what is missing",
        "RangeError: Expected "reverse-mode" or "forward-mode" for jacobian strategy, got "sideways"",
      ]
    `);
  });
});
