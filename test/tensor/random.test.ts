import { describe, expect, it } from 'vitest';
import {
  arange,
  empty,
  Generator,
  getRngState,
  initialSeed,
  manualSeed,
  ops,
  rand,
  randint,
  randn,
  randnLike,
  randperm,
  scope,
  setRngState,
  type Tensor,
  tensor,
  zeros,
} from '../../lib/tensor/index.ts';
import { expectClose, fixture, message, type Numbers, withScope } from '../helpers/index.ts';

interface Draw {
  seed: string;
  draw: string;
  first: Numbers;
  second: Numbers;
}
const cases = fixture<Draw[]>('tensor/random.json');
const { aten } = ops;

const draws: Record<string, () => Tensor> = {
  randn: () => randn([5]),
  'randn of 16 and more': () => randn([2, 20]),
  'randn float64': () => randn([20], { dtype: 'float64' }),
  'randn float16': () => randn([20], { dtype: 'float16' }),
  'randn complex': () => randn([4], { dtype: 'complex64' }),
  rand: () => rand([3, 4]),
  'rand float64': () => rand([3], { dtype: 'float64' }),
  randint: () => randint(-3, 1000, [12]),
  'randint wide': () => randint(0, 2 ** 40, [4]),
  randperm: () => randperm(30),
  normal_: () => empty([7]).normal_(2, 0.5),
  'normal_ of 16 and more': () => empty([17]).normal_(-1, 3),
  uniform_: () => empty([9]).uniform_(-2, 3),
  bernoulli_: () => empty([12]).bernoulli_(0.3),
  exponential_: () => empty([6]).exponential_(1.5),
  random_: () => empty([6], { dtype: 'int64' }).random_(5, 77),
  geometric_: () => empty([6]).geometric_(0.4),
  log_normal_: () => empty([6]).logNormal_(),
  cauchy_: () => empty([6]).cauchy_(),
  dropout: () => aten.dropout(arange(1, 21, { dtype: 'float32' }), 0.4, true),
  multinomial: () => tensor([1, 2, 3, 4]).multinomial(3),
  randn_like: () => randnLike(zeros([2, 3])),
  channels_last: () => empty([1, 3, 2, 2], { memoryFormat: 'channels_last' }).normal_(),
};

// Normal numbers are cosines, and processors without AVX2 take other code for them: 2.4e-6 apart with a deviation of 3.
const CLOSE = { atol: 1e-5, rtol: 1e-6 };

describe('the same seed gives the random numbers of Python', () => {
  it.each(Object.keys(draws))('%s', (name) => {
    const own = cases.filter(({ draw }) => draw === name);
    expect(own).toHaveLength(4);
    for (const { seed, first, second } of own) {
      scope(() => {
        manualSeed(BigInt(seed));
        const draw = draws[name] as () => Tensor;
        expectClose(draw(), first, CLOSE);
        expectClose(draw(), second, CLOSE);
      });
    }
  });

  it('every draw of the fixture is here', () => {
    expect(new Set(cases.map(({ draw }) => draw))).toEqual(new Set(Object.keys(draws)));
  });
});

describe('seeds and states', () => {
  it('a seed is a 64-bit integer, signed or not', () => {
    manualSeed(17);
    expect(initialSeed()).toBe(17n);
    manualSeed(2n ** 64n - 1n);
    expect(initialSeed()).toBe(2n ** 64n - 1n);
    manualSeed(-1);
    expect(initialSeed()).toBe(2n ** 64n - 1n);
    expect(message(() => manualSeed(1.5))).toMatchInlineSnapshot(
      `"RangeError: Expected an integer for "seed", got 1.5"`,
    );
    expect(message(() => manualSeed(2n ** 64n))).toMatchInlineSnapshot(
      `"RangeError: Expected a 64-bit integer for "seed", got 18446744073709551616"`,
    );
    expect(message(() => manualSeed('1' as never))).toMatchInlineSnapshot(
      `"TypeError: Expected an integer for "seed", got a string"`,
    );
  });

  it(
    'a state brings back what followed it',
    withScope(() => {
      manualSeed(3);
      rand([5]);
      const state = getRngState();
      const expected = randn([40]).toArray();
      setRngState(state);
      expect(randn([40]).toArray()).toEqual(expected);
      expect([state.dtype, state.shape]).toEqual(['uint8', [5056]]);
    }),
  );

  it(
    'wrong states are refused and change nothing',
    withScope(() => {
      manualSeed(3);
      const before = getRngState();
      expect(message(() => setRngState(zeros([5056])))).toMatchInlineSnapshot(
        `"RangeError: Expected a state of uint8, as getState gives, for setRngState, got float32"`,
      );
      expect(message(() => setRngState(zeros([4], { dtype: 'uint8' })))).toMatchInlineSnapshot(
        `"TorchError: Expected a CPUGeneratorImplState of size 5056 but found the input RNG state size to be 4"`,
      );
      expect(message(() => setRngState(zeros([5056], { dtype: 'uint8' })))).toContain('Error');
      expect(message(() => setRngState(5 as never))).toContain('TypeError');
      expect(getRngState().equal(before)).toBe(true);
    }),
  );

  it(
    'a generator is a stream of its own',
    withScope(() => {
      manualSeed(9);
      const expected = rand([4]).toArray();
      manualSeed(1);
      const generator = new Generator().manualSeed(9);
      const state = generator.getState();
      expect(rand([4], { generator }).toArray()).toEqual(expected);
      generator.setState(state);
      expect(rand([4], { generator }).toArray()).toEqual(expected);
      expect(randint(0, 10, [3], { generator }).shape).toEqual([3]);
      expect(randperm(5, { generator }).sort()[0]?.toArray()).toEqual([0, 1, 2, 3, 4]);
      expect(randn([2], { generator: null }).shape).toEqual([2]);
      manualSeed(1);
      const [a] = [rand([1]).item()];
      manualSeed(1);
      rand([4], { generator });
      expect(rand([1]).item()).toBe(a);
      expect(message(() => new Generator('abacus'))).toContain('abacus');
    }),
  );

  it(
    'drawing is reproducible whatever ran before',
    withScope(() => {
      const run = () => {
        manualSeed(42);
        return [randn([3]).toArray(), randperm(4).toArray(), rand([2]).toArray()];
      };
      const first = run();
      randn([17]);
      expect(run()).toEqual(first);
    }),
  );
});
