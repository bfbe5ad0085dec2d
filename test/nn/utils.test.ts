import { describe, expect, it } from 'vitest';
import * as nn from '../../lib/nn/index.ts';
import { arange, manualSeed, noGrad, ones, ops, type Tensor, tensor, zeros } from '../../lib/tensor/index.ts';
import { message } from './messages.ts';
import { elements, expectClose, fixture } from './numbers.ts';
import { revive, scalarOf, type TypedNumbers, toTensor } from './replay.ts';

const { utils } = nn;
const { parametrizations, parametrize } = utils;
type Numbers = Record<string, TypedNumbers>;
interface Parametrized {
  repr: string;
  x: TypedNumbers;
  state: Numbers;
  outputs: TypedNumbers[];
  gradients: Numbers;
  evalOutput: TypedNumbers;
}
interface Fused {
  state: Numbers;
  x: TypedNumbers;
  weight: TypedNumbers;
  bias: TypedNumbers;
  output: TypedNumbers;
}
const want = fixture<{
  parametrized: Record<string, Parametrized>;
  clipped: Record<string, { norm: TypedNumbers | null; grads: TypedNumbers[] }>;
  fused: Record<string, Fused>;
  transposed: { arguments: unknown[]; results: TypedNumbers[] };
}>('nn/utils.json');
const TOLERANCE = 1e-5;
const { weightNorm, spectralNorm, orthogonal } = parametrizations;

const parametrized: Record<string, () => nn.Module> = {
  'weightNorm linear': () => weightNorm(new nn.Linear(3, 4)),
  'weightNorm conv, dim 1': () => weightNorm(new nn.Conv2d(2, 3, 2), { dim: 1 }),
  'weightNorm of all': () => weightNorm(new nn.Linear(3, 4), { dim: null }),
  'spectralNorm linear': () => spectralNorm(new nn.Linear(3, 4)),
  'spectralNorm conv': () => spectralNorm(new nn.Conv2d(2, 3, 2), { nPowerIterations: 2 }),
  'spectralNorm dim 1': () => spectralNorm(new nn.Conv2d(2, 3, 2), { dim: 1 }),
  'spectralNorm bias': () => spectralNorm(new nn.Linear(3, 4), { name: 'bias' }),
  both: () => weightNorm(spectralNorm(new nn.Linear(3, 4)), { name: 'bias', dim: null }),
  orthogonal: () => orthogonal(new nn.Linear(4, 4)),
  'orthogonal, tall': () => orthogonal(new nn.Linear(3, 5)),
  'orthogonal, wide cayley': () => orthogonal(new nn.Linear(5, 3), { orthogonalMap: 'cayley' }),
  'orthogonal, tall matrix_exp': () => orthogonal(new nn.Linear(3, 5), { orthogonalMap: 'matrix_exp' }),
  'orthogonal without base': () =>
    orthogonal(new nn.Linear(5, 3), { orthogonalMap: 'householder', useTrivialization: false }),
};

describe('parametrizations', () => {
  it('have a test for every case of the fixture', () => {
    expect(Object.keys(parametrized)).toEqual(Object.keys(want.parametrized));
  });

  it.each(Object.keys(parametrized))('%s matches PyTorch, and so does its copy', (name) => {
    const expected = want.parametrized[name] as Parametrized;
    manualSeed(7);
    const module = (parametrized[name] as () => nn.Module)().clone();
    expect(module.toString()).toBe(expected.repr);
    const state = module.stateDict();
    expect([...state.keys()]).toEqual(Object.keys(expected.state));
    for (const [key, value] of state) expectClose(value, expected.state[key] as TypedNumbers, 1e-6);
    const x = toTensor(expected.x);
    const outputs: Tensor[] = [module.forward(x), module.forward(x)];
    for (const [i, output] of outputs.entries())
      expectClose(output, expected.outputs[i] as TypedNumbers, TOLERANCE);
    scalarOf(outputs).backward();
    for (const [key, { grad }] of module.namedParameters())
      expectClose(grad as Tensor, expected.gradients[key] as TypedNumbers, TOLERANCE);
    expectClose(module.eval().forward(x), expected.evalOutput, TOLERANCE);
  });

  it('cached computes a tensor once, in calls within it too, and tells the class of before', () => {
    class Twice extends nn.Module {
      calls = 0;
      forward(x: Tensor): Tensor {
        this.calls++;
        return x.mul(2);
      }
    }
    const { parametrize } = nn.utils;
    const twice = new Twice();
    const linear = parametrize.registerParametrization(new nn.Linear(2, 2), 'weight', twice);
    const before = twice.calls;
    const isSame = parametrize.cached(() => {
      const { weight } = linear;
      return parametrize.cached(() => linear.weight === weight) && linear.weight === weight;
    });
    expect([isSame, twice.calls - before]).toEqual([true, 1]);
    expect(linear.weight).not.toBe(linear.weight);
    expect(twice.calls - before).toBe(3);
    const [weight, loss] = parametrize.cached(() => [linear.weight, linear.weight.mul(linear.weight).sum()]);
    loss.backward();
    const original = linear.getParameter('parametrizations.weight.original');
    expect(original.grad?.equal(weight.mul(4))).toBe(true);
    expect(() => parametrize.cached((() => Promise.resolve()) as never)).toThrow(TypeError);
    expect(parametrize.typeBeforeParametrizations(linear)).toBe(nn.Linear);
    expect(parametrize.typeBeforeParametrizations(twice)).toBe(Twice);
  });

  it('orthogonal keeps batches orthogonal while they are trained, and takes other values', () => {
    const layer = orthogonal(new nn.Bilinear(3, 4, 2));
    const distance = () => {
      const q = layer.weight.detach();
      return q.matmul(q.mT()).sub(ops.aten.eye(3)).abs().max().item() as number;
    };
    expect(distance()).toBeLessThan(1e-5);
    const before = layer.weight.detach().clone();
    layer
      .forward(ones([1, 3]), ones([1, 4]))
      .square()
      .sum()
      .backward();
    for (const parameter of layer.parameters()) {
      const { grad } = parameter;
      if (grad !== null) noGrad(() => parameter.sub_(grad, { alpha: 0.1 }));
    }
    expect(layer.weight.sub(before).abs().max().item()).toBeGreaterThan(1e-3);
    expect(distance()).toBeLessThan(1e-5);
    layer.weight = before.mul(2) as nn.Parameter;
    expect(layer.weight.sub(before).abs().max().item()).toBeLessThan(1e-5);
  });

  it('orthogonal says what it cannot do', () => {
    const linear = () => new nn.Linear(2, 3);
    const free = orthogonal(linear(), { orthogonalMap: 'householder', useTrivialization: false });
    expect([
      message(() => orthogonal(linear(), { name: 'bias' })),
      message(() => orthogonal(linear(), { orthogonalMap: 'qr' as never })),
      message(() => orthogonal(linear(), { orthogonalMap: 'cayley', useTrivialization: false })),
      message(() =>
        orthogonal(new nn.Linear(2, 2, { dtype: 'complex64' }), { orthogonalMap: 'householder' }),
      ),
      message(() => Object.assign(free, { weight: ones([2, 2]) })),
    ]).toMatchInlineSnapshot(`
      [
        "RangeError: Expected a matrix or a batch of them for orthogonal, got shape [3]",
        "RangeError: Expected "matrix_exp", "cayley" or "householder" for orthogonal orthogonalMap, got "qr"",
        "RangeError: Expected useTrivialization for orthogonal with "cayley" to take a value",
        "RangeError: Expected a real tensor for orthogonal with "householder", got complex64",
        "RangeError: Expected shape [3,2] for an orthogonal tensor, got [2,2]",
      ]
    `);
  });

  class Symmetric extends nn.Module {
    forward(x: Tensor): Tensor {
      return x.triu().add(x.triu(1).t());
    }
    rightInverse(x: Tensor): Tensor {
      return x.triu();
    }
  }

  it('of your own follow each other, take assignments, and are removed', () => {
    const linear = new nn.Linear(3, 3);
    const weight = linear.weight;
    parametrize.registerParametrization(linear, 'weight', new Symmetric());
    expect(elements(linear.weight)).toEqual(elements(linear.weight.t()));
    expect([...linear.stateDict().keys()]).toEqual(['bias', 'parametrizations.weight.original']);
    expect(linear.getParameter('parametrizations.weight.original')).toBe(weight);
    linear.weight = new nn.Parameter(ones([3, 3]));
    expect(elements(weight)).toEqual([1, 1, 1, 0, 1, 1, 0, 0, 1]);
    parametrize.registerParametrization(linear, 'weight', new nn.Tanh());
    expect(linear.weight.max().item()).toBeCloseTo(Math.tanh(1), 6);
    expect(linear).toBeInstanceOf(nn.Linear);
    expect(parametrize.isParametrized(linear, 'weight')).toBe(true);
    parametrize.removeParametrizations(linear, 'weight');
    expect(linear.toString()).toBe('Linear(in_features=3, out_features=3, bias=True)');
    expect(linear.weight).toBe(weight);
    expect(linear.weight.min().item()).toBeCloseTo(Math.tanh(1), 6);
    expect(parametrize.isParametrized(linear)).toBe(false);
  });

  it('weightNorm reads the older keys, and is removed with its value', () => {
    const linear = weightNorm(new nn.Linear(2, 2));
    linear.loadStateDict({
      bias: zeros([2]),
      weight_g: ones([2, 1]),
      weight_v: tensor([
        [3, 4],
        [0, 2],
      ]),
    });
    expect(elements(linear.weight)).toEqual([3 / 5, 4 / 5, 0, 1].map(Math.fround));
    parametrize.removeParametrizations(linear, 'weight');
    expect(elements(linear.weight)).toEqual([3 / 5, 4 / 5, 0, 1].map(Math.fround));
    expect([...linear.stateDict().keys()].sort()).toEqual(['bias', 'weight']);
  });

  it('say what is wrong', () => {
    const linear = new nn.Linear(2, 3);
    expect([
      message(() => parametrize.registerParametrization(linear, 'scale', new nn.Tanh())),
      message(() => parametrize.registerParametrization(linear, 'weight', new nn.Flatten(0))),
      message(() => parametrize.registerParametrization(linear, 'weight', 3 as never)),
      message(() => parametrize.removeParametrizations(linear, 'weight')),
      message(() =>
        parametrize.removeParametrizations(weightNorm(new nn.Linear(2, 2)), 'weight', {
          leaveParametrized: false,
        }),
      ),
      message(() => spectralNorm(linear, { nPowerIterations: 0 })),
      message(() => spectralNorm(linear, { dim: 2 })),
      message(() => weightNorm(linear, { axis: 1 } as never)),
    ]).toMatchInlineSnapshot(`
      [
        "RangeError: Expected the name of a parameter or buffer of Linear for registerParametrization, got "scale"; it has weight, bias",
        "RangeError: Expected shape [3,2] and dtype float32 from a parametrization, as the tensor has, got [6] and float32; pass { unsafe: true } to allow it",
        "TypeError: Expected a Module for registerParametrization argument "parametrization", got 3",
        "RangeError: Expected a parametrized tensor of Linear for removeParametrizations, got "weight"",
        "RangeError: Expected one original for removeParametrizations with leaveParametrized: false, got 2",
        "RangeError: Expected a whole number of at least 1 for spectralNorm nPowerIterations, got 0",
        "RangeError: Expected a dimension from -2 to 1 for spectralNorm dim, got 2",
        "RangeError: Expected a known option for weightNorm, got "axis"; known options: name, dim",
      ]
    `);
    expect(linear.toString()).toBe('Linear(in_features=2, out_features=3, bias=True)');
  });
});

describe('gradients', () => {
  const clips: Record<string, (parameters: Tensor[], foreach: boolean) => Tensor | undefined> = {
    'norm 1': (ps, foreach) => utils.clipGradNorm_(ps, 1, { foreach }),
    'norm 100': (ps, foreach) => utils.clipGradNorm_(ps, 100, { foreach }),
    largest: (ps, foreach) => utils.clipGradNorm_(ps, 0.5, { normType: Number.POSITIVE_INFINITY, foreach }),
    one: (ps, foreach) => utils.clipGradNorm_(ps, 2, { normType: 1, foreach }),
    value: (ps, foreach) => void utils.clipGradValue_(ps, 0.6, { foreach }),
  };
  const parameters = (): Tensor[] => {
    const list = [zeros([2, 3]), zeros([4]), zeros([2], { dtype: 'float64' })];
    for (const [i, p] of list.entries()) {
      p.grad = arange(p.numel(), { dtype: p.dtype }).reshape(p.shape).sub(i).mul(0.5);
    }
    return [...list, zeros([1])];
  };

  it.each(
    Object.keys(clips).flatMap(
      (name) =>
        [
          [name, true],
          [name, false],
        ] as const,
    ),
  )('are clipped as PyTorch clips them (%s, foreach %s)', (name, foreach) => {
    const { norm, grads } = want.clipped[name] as (typeof want.clipped)[string];
    const list = parameters();
    const result = clips[name]?.(list, foreach);
    if (norm !== null) expectClose(result as Tensor, norm, 1e-6);
    for (const [i, grad] of grads.entries()) expectClose(list[i]?.grad as Tensor, grad, 1e-6);
    expect(list[3]?.grad).toBeNull();
  });

  it('are measured, one too, and refused where they are not finite', () => {
    expect(utils.getTotalNorm([tensor([3]), tensor([4])]).item()).toBe(5);
    expect(utils.getTotalNorm(tensor([3, 4])).item()).toBe(5);
    expect(utils.clipGradNorm_([], 1).item()).toBe(0);
    const p = zeros([1]);
    p.grad = tensor([8]);
    utils.clipGradsWithNorm_(p, 4, tensor(8));
    expect(p.grad?.item()).toBeCloseTo(4, 5);
    p.grad = tensor([Number.NaN]);
    expect(message(() => utils.clipGradNorm_(p, 1, { errorIfNonfinite: true }))).toMatchInlineSnapshot(
      `"RangeError: Expected a finite norm of order 2 for clipGradNorm_, got NaN; pass { errorIfNonfinite: false } to scale the gradients by it"`,
    );
    expect(message(() => utils.clipGradNorm_(p, '1' as never))).toMatchInlineSnapshot(
      `"TypeError: Expected a number for clipGradNorm_ maxNorm, got "1""`,
    );
    expect(message(() => utils.clipGradNorm_(3 as never, 1))).toMatchInlineSnapshot(
      `"TypeError: Expected a list of Tensors for clipGradNorm_ argument "parameters", got 3"`,
    );
  });
});

describe('parameters as a vector', () => {
  it('go there and back', () => {
    const linear = new nn.Linear(2, 3);
    const vector = utils.parametersToVector(linear.parameters());
    expect(elements(vector)).toEqual([...elements(linear.weight), ...elements(linear.bias as Tensor)]);
    utils.vectorToParameters(arange(9, { dtype: 'float32' }), linear.parameters());
    expect(elements(linear.bias as Tensor)).toEqual([6, 7, 8]);
    expect(message(() => utils.vectorToParameters(ones([8]), linear.parameters()))).toMatchInlineSnapshot(
      `"RangeError: Expected shape [9] for vectorToParameters argument "vector", got [8]"`,
    );
  });
});

describe('fusion of batch norms', () => {
  const layers: Record<string, [nn.Module, nn.Module, (layer: nn.Module, norm: nn.Module) => nn.Module]> = {
    conv: [new nn.Conv2d(2, 3, 2), new nn.BatchNorm2d(3), (a, b) => utils.fuseConvBnEval(a, b)],
    linear: [new nn.Linear(3, 4), new nn.BatchNorm1d(4), (a, b) => utils.fuseLinearBnEval(a, b)],
  };

  it.each(Object.keys(layers))('gives the weights of PyTorch (%s)', (name) => {
    const [layer, norm, fuse] = layers[name] as (typeof layers)[string];
    const { state, x, weight, bias, output } = want.fused[name] as Fused;
    const both = new nn.Sequential(layer, norm).eval();
    both.loadStateDict(new Map(Object.entries(state).map(([key, value]) => [key, toTensor(value)])));
    const fused = fuse(layer, norm) as nn.Linear;
    expectClose(fused.weight, weight, TOLERANCE);
    expectClose(fused.bias as Tensor, bias, TOLERANCE);
    expectClose(fused.forward(toTensor(x)), output, TOLERANCE);
    expectClose(both.forward(toTensor(x)), output, TOLERANCE);
  });

  it('gives the weights of PyTorch for transposed convolutions', () => {
    const [weight, bias, mean, variance, eps, gamma, beta] = revive(want.transposed.arguments) as [
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      number,
      Tensor,
      Tensor,
    ];
    const results = utils.fuseConvBnWeights(weight, bias, mean, variance, eps, gamma, beta, true);
    for (const [i, result] of results.entries())
      expectClose(result, want.transposed.results[i] as TypedNumbers, TOLERANCE);
  });

  it('is refused in training and without statistics', () => {
    const [conv, norm] = [new nn.Conv2d(2, 3, 2).eval(), new nn.BatchNorm2d(3)];
    expect(message(() => utils.fuseConvBnEval(conv, norm))).toMatchInlineSnapshot(
      `"RangeError: Expected modules in evaluation for fuseConvBnEval, got one in training; call eval() on both"`,
    );
    const plain = new nn.BatchNorm2d(3, { trackRunningStats: false }).eval();
    expect(message(() => utils.fuseConvBnEval(conv, plain))).toMatchInlineSnapshot(
      `"RangeError: Expected a batch norm with running statistics for fuseConvBnEval, got BatchNorm2d without"`,
    );
    expect(message(() => utils.fuseLinearBnEval(new nn.Linear(2, 2), norm))).toMatchInlineSnapshot(
      `"RangeError: Expected a norm of 2 features or 1 for fuseLinearBnEval, got 3"`,
    );
  });
});
