import { describe, expect, it } from 'vitest';
import { autograd } from '../../lib/index.ts';
import { type Tensor, tensor, zeros } from '../../lib/tensor/index.ts';
import { message, withScope } from '../helpers/index.ts';

const { jacobian, hessian, vjp, jvp, vhp, hvp } = autograd.functional;
const plain = (value: unknown): unknown =>
  Array.isArray(value) ? value.map(plain) : (value as Tensor).toArray();

// Figures by torch.autograd.functional of PyTorch 2.13.
describe('autograd.functional', () => {
  const f = (x: Tensor): Tensor => x.pow(2).sum().mul(x);
  const [x, y] = [tensor([1, 2]), tensor([3, 4])];

  it('jacobian is by output element, then input element', () => {
    expect(jacobian(f, x).toArray()).toEqual([
      [7, 4],
      [4, 13],
    ]);
    const both = jacobian((a, b) => [a.mul(b as Tensor), a.sum()], [x, y]);
    expect(plain(both)).toEqual([
      [
        [
          [3, 0],
          [0, 4],
        ],
        [
          [1, 0],
          [0, 2],
        ],
      ],
      [
        [1, 1],
        [0, 0],
      ],
    ]);
    expect(jacobian(() => zeros([0]), x).shape).toEqual([0, 2]);
  });

  it('vhp and hvp multiply the Hessian by a vector, from either side', () => {
    const cubes = (a: Tensor): Tensor => a.pow(3).sum().mul(a.select(0, 0));
    const product = (a: Tensor, b?: Tensor): Tensor =>
      a
        .mul(b as Tensor)
        .sum()
        .pow(2)
        .add(a.sum());
    const v = tensor([3, -1]);
    const half = tensor([0.5, 1.5]);
    for (const times of [vhp, hvp]) {
      expect(plain(times(cubes, x, v))).toEqual([9, [24, 24]]);
      expect(plain(times(product, [x, half], [v, v]))).toEqual([
        15.25,
        [
          [22, -4],
          [23, -3],
        ],
      ]);
      expect(plain(times((a) => a.pow(3), tensor([2])))).toEqual([[8], [12]]);
    }
    expect(message(() => vhp(f, x, v))).toMatchInlineSnapshot(
      `"RangeError: Expected one output of one element from the function given to vhp, got 1 of 2 elements"`,
    );
    expect(message(() => hvp(cubes, x))).toMatchInlineSnapshot(
      `"TypeError: Expected v for hvp, which only one tensor of one element can do without, got none"`,
    );
  });

  it('hessian of one and of several inputs', () => {
    expect(hessian((a) => a.pow(3).sum().mul(a.select(0, 0)), x).toArray()).toEqual([
      [12, 12],
      [12, 12],
    ]);
    expect(
      plain(
        hessian(
          (a, b) =>
            a
              .mul(b as Tensor)
              .sum()
              .pow(2),
          [x, y],
        ),
      ),
    ).toEqual([
      [
        [
          [18, 24],
          [24, 32],
        ],
        [
          [28, 12],
          [8, 38],
        ],
      ],
      [
        [
          [28, 8],
          [12, 38],
        ],
        [
          [2, 4],
          [4, 8],
        ],
      ],
    ]);
  });

  it('vjp and jvp give the output and the product', () => {
    const v = tensor([1, 10]);
    expect(plain(vjp(f, x, v))).toEqual([
      [5, 10],
      [47, 134],
    ]);
    expect(plain(jvp(f, x, v))).toEqual([
      [5, 10],
      [47, 134],
    ]);
    expect(plain(vjp((a) => a.pow(2).sum(), x))).toEqual([5, [2, 4]]);
  });

  it('results have no graph, unless createGraph asks for one', () => {
    const w = tensor([1, 2], { requiresGrad: true });
    expect(jacobian(f, w).requiresGrad).toBe(false);
    const recorded = jacobian(f, w, { createGraph: true });
    recorded.sum().backward();
    expect([recorded.requiresGrad, w.grad?.toArray()]).toEqual([true, [16, 20]]);
  });

  it(
    'gives zeros where nothing depends on an input, or refuses in strict mode',
    withScope(() => {
      const first = (a: Tensor, _b?: Tensor): Tensor => a.mul(2);
      expect(plain(jacobian(first, [x, y]))).toEqual([
        [
          [2, 0],
          [0, 2],
        ],
        [
          [0, 0],
          [0, 0],
        ],
      ]);
      expect(plain(jacobian(() => tensor([5]), x))).toEqual([[0, 0]]);
      expect(message(() => jacobian(first, [x, y], { strict: true }))).toMatchInlineSnapshot(
        `"RangeError: Expected an output that depends on each input in strict mode, got one that does not"`,
      );
      expect(message(() => jacobian(() => tensor([5]), x, { strict: true }))).toMatchInlineSnapshot(
        `"RangeError: Expected an output that depends on each input in strict mode, got one that does not"`,
      );
    }),
  );

  it(
    'refuses what it cannot take',
    withScope(() => {
      expect(message(() => jacobian(f, 5 as never))).toMatchInlineSnapshot(
        `"TypeError: Expected a Tensor or an array of them for jacobian argument "inputs", got 5"`,
      );
      expect(message(() => jacobian((() => 5) as never, x))).toMatchInlineSnapshot(
        `"TypeError: Expected a Tensor or an array of them for the result of the function given to jacobian, got 5"`,
      );
      expect(message(() => jacobian(3 as never, x))).toMatchInlineSnapshot(
        `"TypeError: Expected a function for jacobian, got 3"`,
      );
      expect(message(() => hessian(f, x))).toMatchInlineSnapshot(
        `"RangeError: Expected one output of one element from the function given to hessian, got 1 of 2 elements"`,
      );
      expect(message(() => vjp(f, x))).toMatchInlineSnapshot(
        `"TypeError: Expected v for vjp, which only one tensor of one element can do without, got none"`,
      );
      expect(message(() => jvp(f, x, tensor([1, 2, 3])))).toMatchInlineSnapshot(
        `"RangeError: Expected v of shape [2] for jvp, got [3]"`,
      );
    }),
  );
});
