import { describe, expect, it } from 'vitest';
import { autograd } from '../../lib/index.ts';
import { randn, type Tensor, tensor } from '../../lib/tensor/index.ts';
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
      const complex = leaf([1]).detach().to('complex128').requiresGrad_();
      expect(message(() => gradcheck(double, complex))).toMatchInlineSnapshot(
        `"RangeError: Expected real dense inputs for gradcheck, got complex128 of layout strided"`,
      );
      expect(message(() => gradcheck(double, leaf([1]), { fastMode: true } as never))).toMatchInlineSnapshot(
        `"RangeError: Expected a known option for gradcheck, got "fastMode"; known options: eps, atol, rtol, raiseException, nondetTol, checkUndefinedGrad, checkGradDtypes"`,
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
    }),
  );
});
