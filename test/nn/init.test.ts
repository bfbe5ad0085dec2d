import { describe, expect, it } from 'vitest';
import * as nn from '../../lib/nn/index.ts';
import { empty, manualSeed, rand, type Tensor } from '../../lib/tensor/index.ts';
import { message } from './messages.ts';
import { elements, expectClose, fixture, type Numbers } from './numbers.ts';

const { init } = nn;
const expected = fixture<Record<string, Numbers>>('nn/init.json');

const fills: Record<string, (t: Tensor) => Tensor> = {
  uniform_: (t) => init.uniform_(t, -2, 3),
  normal_: (t) => init.normal_(t, 1, 0.5),
  'normal_ of 16 or more': (t) => init.normal_(t),
  constant_: (t) => init.constant_(t, 0.25),
  eye_: init.eye_,
  dirac_: (t) => init.dirac_(t, 2),
  xavierUniform_: (t) => init.xavierUniform_(t, 2),
  xavierNormal_: (t) => init.xavierNormal_(t),
  kaimingUniform_: (t) => init.kaimingUniform_(t, { a: 5 ** 0.5 }),
  kaimingNormal_: (t) => init.kaimingNormal_(t, { mode: 'fan_out', nonlinearity: 'relu' }),
  sparse_: (t) => init.sparse_(t, 0.3, 0.5),
  'orthogonal_ wide': (t) => init.orthogonal_(t),
  'orthogonal_ tall': (t) => init.orthogonal_(t, 2),
  truncNormal_: (t) => init.truncNormal_(t, { std: 1.5 }),
  'truncNormal_ of a tail': (t) => init.truncNormal_(t, { mean: 0, std: 1, a: 1.5, b: 3 }),
};

describe('nn.init', () => {
  it.each(Object.keys(expected))('%s draws the numbers of PyTorch', (name) => {
    const want = expected[name] as Numbers;
    manualSeed(11);
    expectClose((fills[name] as (t: Tensor) => Tensor)(empty(want.shape)), want);
  });

  it('initialises parameters without recording gradients', () => {
    const { weight } = new nn.Linear(2, 3);
    expect(init.zeros_(weight)).toBe(weight);
    expect([weight.isLeaf, elements(weight)]).toEqual([true, [0, 0, 0, 0, 0, 0]]);
  });

  it('sparse_ takes matrices, and shares from 0 to 1', () => {
    expect(message(() => init.sparse_(empty([2, 3, 4]), 0.5))).toBe(
      'RangeError: Expected 2 dimensions for sparse_, got 3',
    );
    expect(message(() => init.sparse_(empty([2, 3]), 1.5))).toBe(
      'RangeError: Expected a share from 0 to 1 for sparse_ sparsity, got 1.5',
    );
    expect(
      init
        .sparse_(empty([5, 3]), 1)
        .abs()
        .sum()
        .item(),
    ).toBe(0);
  });

  it('counts fans', () => {
    expect(init.calculateFanInAndFanOut(empty([8, 4, 3, 2]))).toEqual([24, 48]);
    expect(init.calculateGain('tanh')).toBe(5 / 3);
    expect(message(() => init.kaimingUniform_(empty([3])))).toMatchInlineSnapshot(
      `"RangeError: Expected 2 or more dimensions for fan in and fan out, got 1"`,
    );
    expect(message(() => init.calculateGain('swish' as never))).toMatchInlineSnapshot(
      `"RangeError: Expected a known nonlinearity for calculateGain, got "swish""`,
    );
    expect(message(() => init.kaimingNormal_(empty([3, 3]), { mode: 'fan' as never }))).toMatchInlineSnapshot(
      `"RangeError: Expected mode "fan_in" or "fan_out" for Kaiming initialisation, got "fan""`,
    );
    expect(message(() => init.zeros_(3 as never))).toMatchInlineSnapshot(
      `"TypeError: Expected a Tensor to initialise, got number"`,
    );
  });

  it('utils.skipInit builds modules without drawing', () => {
    manualSeed(1);
    const next = elements(rand([2]));
    manualSeed(1);
    const net = nn.utils.skipInit(() => new nn.Sequential(new nn.Conv2d(1, 2, 3), new nn.BatchNorm2d(2)));
    expect(elements(rand([2]))).toEqual(next);
    expect(elements((net[1] as nn.BatchNorm2d).weight as Tensor)).toEqual([1, 1]);
  });
});
