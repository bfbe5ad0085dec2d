import { describe, expect, it } from 'vitest';
import * as reid from '../../../lib/reid/index.ts';
import { NumpyRandom } from '../../../lib/reid/samplers/numpy-random.ts';
import { PythonRandom } from '../../../lib/reid/samplers/python-random.ts';
import { zippedReid } from '../models/figures.ts';

interface Case {
  data: string;
  batchSize: number;
  numInstances: number;
  seed: number;
  length: number;
  random: number[][];
  [key: string]: unknown;
}

interface Draws {
  python: Record<string, { order: number[]; samples: number[][]; uniform: number }>;
  numpy: Record<string, Record<string, number[] | number>>;
  sets: Record<string, [ids: number[], cameras: number[]]>;
  cases: Case[];
}

const PYTHON = zippedReid<Draws>('samplers');
const range = (n: number) => Array.from({ length: n }, (_, i) => i);

describe('draws', () => {
  it.each(Object.keys(PYTHON.python))("are those of Python's random under seed %s", (seed) => {
    const want = PYTHON.python[seed] as Draws['python'][string];
    const random = new PythonRandom(Number(seed));
    const order = range(30);
    random.shuffle(order);
    expect(order).toEqual(want.order);
    const sizes = [
      [40, 3],
      [20, 16],
      [500, 16],
      [90, 40],
    ] as [number, number][];
    expect(sizes.map(([n, k]) => random.sample(range(n), k))).toEqual(want.samples);
    expect(random.uniform(0.02, 0.4)).toBeCloseTo(want.uniform, 8);
  });

  it.each(Object.keys(PYTHON.numpy))('are those of numpy.random under seed %s', (seed) => {
    const random = new NumpyRandom(Number(seed));
    expect({
      permutation: random.permutation(50),
      choice: random.choice(range(9), 12, true),
      some: random.choice(range(33), 5, false),
      one: random.choice([4], 1, true)[0],
      last: random.choice(range(1000), 1, true)[0],
    }).toEqual(PYTHON.numpy[seed]);
  });
});

const named = PYTHON.cases.map(
  (item) => [`${item.data}, ${item.batchSize} of ${item.numInstances}`, item] as const,
);

describe('identity samplers', () => {
  it.each(named)('RandomIdentitySampler draws what the published one draws: %s', (_, item) => {
    const [ids] = PYTHON.sets[item.data] as [number[], number[]];
    const { batchSize, numInstances, seed } = item;
    const sampler = new reid.RandomIdentitySampler(ids, { batchSize, numInstances, seed });
    expect(sampler.length).toBe(item.length);
    expect([[...sampler], [...sampler]]).toEqual(item.random);
    expect(sampler.length).toBe(item.random[1]?.length);
  });

  it.each(named)(
    'those of fast-reid draw what the published ones draw, in one process and in two: %s',
    (_, item) => {
      const [ids, cameras] = PYTHON.sets[item.data] as [number[], number[]];
      const { batchSize, numInstances, seed } = item;
      let compared = 0;
      for (const [rank, worldSize] of [
        [0, 1],
        [0, 2],
        [1, 2],
      ] as const) {
        const options = { batchSize, numInstances, seed, rank, worldSize };
        const naive = item[`naive ${rank} of ${worldSize}`];
        if (naive === undefined) continue;
        expect(new reid.NaiveIdentitySampler(ids, options).take(100)).toEqual(naive);
        const balanced = new reid.BalancedIdentitySampler(ids, cameras, options);
        expect(balanced.take(100)).toEqual(item[`balanced ${rank} of ${worldSize}`]);
        compared++;
      }
      expect(compared).toBeGreaterThan(0);
    },
  );

  it('give batches of P identities with K images, of several cameras where there are', () => {
    const [ids, cameras] = PYTHON.sets.many as [number[], number[]];
    const sampler = new reid.BalancedIdentitySampler(ids, cameras, {
      batchSize: 16,
      numInstances: 4,
      seed: 5,
    });
    const batch = sampler.take(16);
    expect(new Set(batch.map((i) => ids[i])).size).toBe(4);
    for (const four of [batch.slice(0, 4), batch.slice(4, 8)]) {
      expect(new Set(four.map((i) => ids[i])).size).toBe(1);
      const seen = new Set(ids.flatMap((id, i) => (id === ids[four[0] as number] ? [cameras[i]] : [])));
      if (seen.size > 1) expect(new Set(four.map((i) => cameras[i])).size).toBeGreaterThan(1);
    }
  });

  it('take identities that are texts, in the order of their code points', () => {
    const texts = (PYTHON.sets.small as [number[], number[]])[0].map((id) => `market1501_${id}`);
    const options = { batchSize: 8, numInstances: 4, seed: 3 };
    const numbers = (PYTHON.sets.small as [number[], number[]])[0];
    expect(new reid.NaiveIdentitySampler(texts, options).take(40)).toEqual(
      new reid.NaiveIdentitySampler(numbers, options).take(40),
    );
  });

  it('refuse too few identities, batches that are no multiple, and what is no list', () => {
    const build = (ids: unknown, options: object) => () =>
      new reid.RandomIdentitySampler(ids as number[], options as never);
    expect(build([1, 1, 2], { batchSize: 12, numInstances: 4 })).toThrow('Expected at least 3 identities');
    expect(build([1, 1, 2], { batchSize: 6, numInstances: 4 })).toThrow('multiple of numInstances');
    expect(build('abc', { batchSize: 4, numInstances: 4 })).toThrow('Expected an array of identities');
    expect(build([1, 2.5], { batchSize: 4, numInstances: 4 })).toThrow('got 2.5 at 1');
    expect(build([1, 2], { batchSize: 4, numInstances: 4, seed: -1 })).toThrow(RangeError);
    expect(build([1, 2], { batchSize: 4, instances: 4 })).toThrow('got "instances"');
    const two = { batchSize: 2, numInstances: 1 };
    expect(() => new reid.BalancedIdentitySampler([1, 2], [1], two)).toThrow('Expected 2 cameras');
    expect(() => new reid.NaiveIdentitySampler([1, 2], { ...two, rank: 0, worldSize: 2 })).toThrow(
      'got enough for 1',
    );
    expect(() => new reid.NaiveIdentitySampler([1, 2], { ...two, rank: 2, worldSize: 2 })).toThrow(
      'Expected a rank below 2',
    );
  });
});
