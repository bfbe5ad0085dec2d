import { describe, expect, it } from 'vitest';
import { autograd } from '../../lib/index.ts';
import { Complex, randn, type Tensor, tensor } from '../../lib/tensor/index.ts';
import { message, withScope } from '../helpers/index.ts';

const { gradcheck, gradgradcheck } = autograd;
type Ctx<S extends readonly Tensor[] = Tensor[]> = autograd.FunctionCtx<S>;
const leaf = (values: number[] | number[][]): Tensor =>
  tensor(values, { dtype: 'float64', requiresGrad: true });

/** x^2 whose derivative is `factor` x instead of 2 x. */
function square(factor: number, second = 1): (x: Tensor) => Tensor {
  class Slope extends autograd.Function {
    static forward(ctx: Ctx<[Tensor]>, x: Tensor): Tensor {
      ctx.saveForBackward(x);
      return x.mul(factor);
    }
    static backward(_ctx: Ctx<[Tensor]>, g: Tensor): Tensor {
      return g.mul(factor * second);
    }
  }
  class Square extends autograd.Function {
    static forward(ctx: Ctx<[Tensor]>, x: Tensor): Tensor {
      ctx.saveForBackward(x);
      return x.mul(x);
    }
    static backward(ctx: Ctx<[Tensor]>, g: Tensor): Tensor {
      return Slope.apply(ctx.savedTensors[0]).mul(g);
    }
  }
  return (x) => Square.apply(x);
}

describe('gradcheck', () => {
  it(
    'passes right derivatives: of several inputs and outputs, strided ones, and closures over the inputs',
    withScope(() => {
      const [a, b] = [
        leaf([
          [1, 2],
          [3, 4],
        ]),
        leaf([
          [0.5, 1],
          [2, 3],
        ]),
      ];
      expect(
        gradcheck((x: Tensor, n: number, y: Tensor) => [x.matmul(y).mul(n), 'text', y.exp()], [a, 3, b]),
      ).toBe(true);
      expect(gradcheck((x: Tensor) => x.sin(), a.detach().t().requiresGrad_())).toBe(true);
      expect(gradcheck(() => a.mul(b).sum(), [a, b])).toBe(true);
      expect(gradcheck((x: Tensor) => x.mul(2).indexSelect(0, tensor([0], { dtype: 'int64' })), a)).toBe(
        true,
      );
      expect([a.toArray(), a.grad]).toEqual([
        [
          [1, 2],
          [3, 4],
        ],
        null,
      ]);
    }),
  );

  it(
    'shows both Jacobians where a derivative is wrong, or gives false',
    withScope(() => {
      const x = leaf([1, 2]);
      expect(message(() => gradcheck(square(3), x))).toMatchInlineSnapshot(`
        "GradcheckError: Jacobian mismatch for output 0 with respect to input 0,
        numerical:tensor([[2.0000, 0.0000],
                [0.0000, 4.0000]], dtype=torch.float64)
        analytical:tensor([[3., 0.],
                [0., 6.]], dtype=torch.float64)
        "
      `);
      expect(gradcheck(square(3), x, { raiseException: false })).toBe(false);
      expect(gradcheck(square(2), x)).toBe(true);
      expect(gradcheck(square(2.01), x, { rtol: 0.1 })).toBe(true);
      expect(gradcheck(square(2.01), x, { atol: 0.1 })).toBe(true);
      expect(gradcheck(square(2.01), x, { raiseException: false })).toBe(false);
    }),
  );

  it(
    'finds a backward that is not the same twice',
    withScope(() => {
      let pass = 0;
      class Drifts extends autograd.Function {
        static forward(_ctx: Ctx, x: Tensor): Tensor {
          return x.mul(1);
        }
        static backward(_ctx: Ctx, g: Tensor): Tensor {
          return g.mul(1 + 1e-7 * pass++);
        }
      }
      const x = leaf([1]);
      expect(message(() => gradcheck((v: Tensor) => Drifts.apply(v), x))).toContain(
        'Backward is not reentrant',
      );
      expect(gradcheck((v: Tensor) => Drifts.apply(v), x, { nondetTol: 1e-5 })).toBe(true);
    }),
  );

  it(
    'finds a backward that does not take outputs without a gradient',
    withScope(() => {
      class Strict extends autograd.Function {
        static forward(ctx: Ctx, x: Tensor): Tensor {
          ctx.setMaterializeGrads(false);
          return x.mul(2);
        }
        static backward(_ctx: Ctx, g: Tensor): Tensor {
          return g.mul(2);
        }
      }
      const x = leaf([1]);
      const fn = (v: Tensor): Tensor => Strict.apply(v);
      expect(message(() => gradcheck(fn, x))).toContain(
        'Expected backward function to handle undefined output grads',
      );
      expect(gradcheck(fn, x, { checkUndefinedGrad: false })).toBe(true);
    }),
  );

  it(
    'finds a function that claims to have no derivative',
    withScope(() => {
      const x = leaf([1]);
      expect(message(() => gradcheck((v: Tensor) => v.detach().mul(2), x))).toMatchInlineSnapshot(
        `"GradcheckError: Numerical gradient for function expected to be zero"`,
      );
      expect(gradcheck((v: Tensor) => v.detach().mul(0), x)).toBe(true);
    }),
  );

  it(
    'refuses inputs that it cannot check, and warns of float32',
    withScope(() => {
      const double = (v: Tensor): Tensor => v.mul(2);
      expect(message(() => gradcheck(double, tensor([1])))).toMatchInlineSnapshot(
        `"RangeError: Expected at least one input of gradcheck that requires grad, got none"`,
      );
      expect(message(() => gradcheck(double, 5 as never))).toMatchInlineSnapshot(
        `"TypeError: Expected a Tensor or an array of inputs for gradcheck, got 5"`,
      );
      const wide = leaf([1]).detach().expand([3]).requiresGrad_();
      expect(message(() => gradcheck(double, wide))).toMatchInlineSnapshot(
        `"RangeError: Expected inputs of gradcheck whose elements have places of their own, got one with a stride of 0; clone() it"`,
      );
      const sparse = leaf([1]).detach().toSparse().requiresGrad_();
      expect(message(() => gradcheck(double, sparse))).toMatchInlineSnapshot(
        `"RangeError: Expected dense inputs for gradcheck, got layout sparse_coo"`,
      );
      const sparseResult = (v: Tensor): Tensor => v.toSparse();
      expect(message(() => gradcheck(sparseResult, leaf([1])))).toMatchInlineSnapshot(
        `"RangeError: Expected dense outputs for gradcheck, got layout sparse_coo; call toDense()"`,
      );
      expect(message(() => gradcheck(double, leaf([1]), { masked: true } as never))).toMatchInlineSnapshot(
        `"RangeError: Expected a known option for gradcheck, got "masked"; known options: eps, atol, rtol, nondetTol, raiseException, checkUndefinedGrad, checkGradDtypes, checkBatchedGrad, fastMode, checkBatchedForwardGrad, checkForwardAd, checkBackwardAd"`,
      );
      const options = [
        { eps: 0 },
        { nondetTol: -1 },
        { checkBackwardAd: false },
        { checkBackwardAd: false, checkForwardAd: true, checkBatchedGrad: true },
        { checkBatchedForwardGrad: true },
      ];
      expect(options.map((each) => message(() => gradcheck(double, leaf([1]), each)))).toMatchInlineSnapshot(`
        [
          "RangeError: Expected a step above 0 for gradcheck eps, got 0",
          "RangeError: Expected a number of at least 0 for gradcheck nondetTol, got -1",
          "RangeError: Expected forward or backward mode to be checked by gradcheck, got neither",
          "RangeError: Expected backward mode beside checkBatchedGrad for gradcheck, got it left out",
          "RangeError: Expected checkForwardAd beside checkBatchedForwardGrad for gradcheck, got it left out",
        ]
      `);
    }),
  );
});

/** x^2 with a derivative of 3 conj(x). */
class Wrong extends autograd.Function {
  static forward(ctx: Ctx<[Tensor]>, x: Tensor): Tensor {
    ctx.saveForBackward(x);
    return x.mul(x);
  }
  static backward(ctx: Ctx<[Tensor]>, g: Tensor): Tensor {
    return ctx.savedTensors[0].conj().mul(3).mul(g);
  }
}

const complexLeaf = (): Tensor =>
  tensor([new Complex(1, 2), new Complex(-0.5, 1)], { dtype: 'complex128', requiresGrad: true });

describe('gradcheck of complex functions and in fast mode', () => {
  it(
    'passes right derivatives',
    withScope(() => {
      const z = complexLeaf();
      for (const fastMode of [false, true]) {
        expect(gradcheck((v: Tensor) => v.mul(v), z, { fastMode })).toBe(true);
        expect(gradcheck((v: Tensor) => [v.abs(), v.angle(), v.exp()], z, { fastMode })).toBe(true);
        expect(gradcheck((v: Tensor, w: Tensor) => v.mul(w), [z, leaf([1, 2])], { fastMode })).toBe(true);
        expect(gradcheck((v: Tensor) => [v.sum(), v.detach()], leaf([1, 2]), { fastMode })).toBe(true);
      }
    }),
  );

  // The figures of both are those of torch.autograd.gradcheck (PyTorch 2.13): the vectors are drawn as there.
  it.each([
    ['a real input, in fast mode', () => leaf([1, 2]), '3.3147731476', '4.9721597214'],
    ['a complex input, in fast mode', complexLeaf, '(1.97401692', '(2.96102539'],
  ])('shows the products where a derivative is wrong: %s', (_, make, numerical, analytical) =>
    withScope(() => {
      const error = message(() => gradcheck((v: Tensor) => Wrong.apply(v), make(), { fastMode: true }));
      expect(error).toContain(`numerical:${numerical}`);
      expect(error).toContain(`analytical:${analytical}`);
      expect(error).toContain('The max per-element difference (slow mode) is: ');
    })(),
  );

  it(
    'says which part of a complex output is wrong',
    withScope(() => {
      expect(message(() => gradcheck((v: Tensor) => Wrong.apply(v), complexLeaf()))).toMatchInlineSnapshot(`
        "GradcheckError: While considering the imaginary part of complex outputs only, Jacobian mismatch for output 0 with respect to input 0,
        numerical:tensor([[4.0000+2.0000j, 0.0000+0.0000j],
                [0.0000+0.0000j, 2.0000-1.0000j]], dtype=torch.complex128)
        analytical:tensor([[6.+3.0000j, 0.+0.0000j],
                [0.-0.0000j, 3.-1.5000j]], dtype=torch.complex128)
        "
      `);
    }),
  );

  it(
    'finds a backward that does not multiply by the gradient of its output',
    withScope(() => {
      class Adds extends autograd.Function {
        static forward(_ctx: Ctx, x: Tensor): Tensor {
          return x.mul(1);
        }
        static backward(_ctx: Ctx, g: Tensor): Tensor {
          return g.add(1);
        }
      }
      const options = { atol: 10, checkUndefinedGrad: false };
      expect(message(() => gradcheck((v: Tensor) => Adds.apply(v), leaf([1]), options))).toBe(
        'GradcheckError: backward not multiplied by grad_output',
      );
    }),
  );

  it(
    'finds outputs whose shape depends on the values',
    withScope(() => {
      const picks = (v: Tensor): Tensor => v.index(v.gt(1));
      expect(message(() => gradcheck(picks, leaf([1, 2])))).toContain(
        'Expected outputs of one shape and dtype',
      );
    }),
  );
});

describe('gradgradcheck', () => {
  it(
    'checks the second derivative',
    withScope(() => {
      const x = leaf([1, 2]);
      expect(gradgradcheck((v: Tensor) => v.pow(3), x)).toBe(true);
      expect(
        gradgradcheck((v: Tensor) => v.pow(3), x, randn([2], { dtype: 'float64', requiresGrad: true })),
      ).toBe(true);
      expect(gradgradcheck((v: Tensor) => v.pow(3), x, null, { genNonContigGradOutputs: true })).toBe(true);
      expect(gradcheck(square(2, 5), x)).toBe(true);
      expect(gradgradcheck(square(2, 5), x, null, { raiseException: false })).toBe(false);
      expect(gradgradcheck(square(2, 1), x)).toBe(true);
      const z = complexLeaf();
      expect(gradgradcheck((v: Tensor) => v.mul(v).mul(v.conj()), z)).toBe(true);
      expect(gradgradcheck((v: Tensor) => v.mul(v.conj()).real(), z, null, { fastMode: true })).toBe(true);
    }),
  );
});
