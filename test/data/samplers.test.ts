import { describe, expect, it } from 'vitest';
import {
  BatchSampler,
  DataLoader,
  RandomSampler,
  type Sampler,
  SequentialSampler,
  SubsetRandomSampler,
  WeightedRandomSampler,
} from '../../lib/data/index.ts';
import { Generator, manualSeed, rand, tensor } from '../../lib/tensor/index.ts';
import { errorOf } from '../helpers/index.ts';
import { fixtureJson } from './helpers.ts';

interface Drawn {
  epochs: [unknown[], unknown[]];
  after: number;
  generator: unknown[];
}

interface Epochs {
  length: number;
  epochs: number[][][];
}

const recorded = fixtureJson<{
  weights: number[];
  samplers: Record<string, Drawn>;
  loaders: Record<string, Epochs>;
}>('samplers.json');
const { weights } = recorded;
const range = (count: number) => Array.from({ length: count }, (_, i) => i);
const source = range(70);

type Make = (generator: Generator | null) => Iterable<unknown>;
const SAMPLERS: Record<string, Make> = {
  random: (generator) => new RandomSampler(source, { generator }),
  fewer: (generator) => new RandomSampler(source, { numSamples: 9, generator }),
  more: (generator) => new RandomSampler(range(5), { numSamples: 13, generator }),
  replacement: (generator) => new RandomSampler(source, { replacement: true, generator }),
  replacementOf64: (generator) => new RandomSampler(source, { replacement: true, numSamples: 64, generator }),
  subset: (generator) => new SubsetRandomSampler([4, 8, 15, 16, 23, 42], { generator }),
  weighted: (generator) => new WeightedRandomSampler(weights, 20, { generator }),
  weightedOnce: (generator) => new WeightedRandomSampler(weights, 6, { replacement: false, generator }),
  batches: (generator) => new BatchSampler(new RandomSampler(range(11), { generator }), 4, false),
  wholeBatches: (generator) => new BatchSampler(new RandomSampler(range(11), { generator }), 4, true),
};

describe('samplers', () => {
  it('are those that were recorded', () => {
    expect(Object.keys(SAMPLERS)).toEqual(Object.keys(recorded.samplers));
  });

  it.each(Object.keys(SAMPLERS))('draw what torch draws: %s', (name) => {
    const [make, want] = [SAMPLERS[name] as Make, recorded.samplers[name] as Drawn];
    manualSeed(7);
    const plain = make(null);
    expect([[...plain], [...plain]]).toEqual(want.epochs);
    expect(rand([]).item()).toBe(want.after);
    const seeded = make(new Generator().manualSeed(11));
    expect([[...seeded], [...seeded]]).toEqual(want.generator);
  });

  it('know how much an epoch has', () => {
    const lengths = Object.values(SAMPLERS).map((make) => (make(null) as Sampler<unknown>).length);
    const counts = Object.keys(SAMPLERS).map((name) => (recorded.samplers[name] as Drawn).epochs[0].length);
    expect(lengths).toEqual(counts);
    expect([...new SequentialSampler(range(4))]).toEqual([0, 1, 2, 3]);
    expect(new BatchSampler([3, 1, 2], 2, true).length).toBe(1);
  });

  it('take weights as tensors and typed arrays', () => {
    const orders = [weights, new Float64Array(weights), tensor(weights, { dtype: 'float64' })].map(
      (given) => {
        manualSeed(7);
        return [...new WeightedRandomSampler(given, 20)];
      },
    );
    expect(orders).toEqual(Array(3).fill(recorded.samplers.weighted?.epochs[0]));
  });

  it('follow a data set that grows', () => {
    const data = [1, 2];
    const sampler = new SequentialSampler(data);
    data.push(3);
    expect([...sampler]).toEqual([0, 1, 2]);
    expect(new RandomSampler(data).length).toBe(3);
  });

  it('say what they expected', () => {
    const attempts = [
      () => new SequentialSampler(5 as never),
      () => new RandomSampler(source, { numSamples: 0 }),
      () => new RandomSampler(source, { replacement: 1 as never }),
      () => new RandomSampler(source, { generator: 7 as never }),
      () => [...new RandomSampler([], { numSamples: 2 })],
      () => new WeightedRandomSampler([0, 0], 1),
      () => new WeightedRandomSampler([1, 0], 2, { replacement: false }),
      () => new WeightedRandomSampler([1, -1], 2),
      () => new WeightedRandomSampler(tensor([[1]]), 2),
      () => new BatchSampler(5 as never, 2, false),
      () => new BatchSampler(source, 0, false),
      () => new BatchSampler(source, 2, 'no' as never),
      () => new BatchSampler(new Set([1]), 2, false).length,
    ];
    expect(attempts.map((attempt) => String(errorOf(attempt)))).toMatchInlineSnapshot(`
      [
        "TypeError: Expected something with a length for SequentialSampler dataSource, got 5",
        "RangeError: Expected a positive integer for RandomSampler numSamples, got 0",
        "TypeError: Expected a boolean for RandomSampler replacement, got 1",
        "TypeError: Expected a Generator for RandomSampler generator, got 7",
        "RangeError: Expected samples to draw from for RandomSampler, got none",
        "RangeError: Expected at least 1 positive numbers for WeightedRandomSampler weights, got 0",
        "RangeError: Expected at least 2 positive numbers for WeightedRandomSampler weights, got 1",
        "RangeError: Expected finite numbers of at least 0 for WeightedRandomSampler weights, got -1 at 1",
        "RangeError: Expected one dimension for WeightedRandomSampler weights, got [1, 1]",
        "TypeError: Expected an iterable for BatchSampler sampler, got 5",
        "RangeError: Expected a positive integer for BatchSampler batchSize, got 0",
        "TypeError: Expected a boolean for BatchSampler dropLast, got "no"",
        "TypeError: Expected a length for BatchSampler sampler, got undefined",
      ]
    `);
  });
});

/** Samples that draw a number each, as the script's. */
const drawing = {
  length: 7,
  get: (index: number): [number, unknown] => [index, rand([])],
};
const stream = {
  length: 7,
  *[Symbol.iterator](): globalThis.Generator<[number, unknown]> {
    for (let i = 0; i < 7; i++) yield [i, rand([])];
  },
};

type Loader = AsyncIterable<unknown> & { length: number };

async function epochsOf(loader: AsyncIterable<unknown>): Promise<number[][][][]> {
  const epochs: number[][][][] = [];
  for (let i = 0; i < 2; i++) {
    const batches: number[][][] = [];
    for await (const batch of loader) {
      batches.push((batch as { toArray(): number[] }[]).map((part) => part.toArray()));
    }
    epochs.push(batches);
  }
  return epochs;
}

describe('a DataLoader', async () => {
  const { ChainDataset } = await import('../../lib/data/index.ts');
  const sequential = true;
  const weighted = () => new WeightedRandomSampler([1, 2, 3, 4, 3, 2, 1], 7);
  const LOADERS: Record<string, () => Loader> = {
    sampler: () => new DataLoader(drawing, { batchSize: 3, sampler: weighted(), sequential }),
    wholeBatches: () =>
      new DataLoader(drawing, { batchSize: 3, sampler: weighted(), dropLast: true, sequential }),
    batchSampler: () =>
      new DataLoader(drawing, { batchSampler: new BatchSampler(weighted(), 2, false), sequential }),
    generator: () =>
      new DataLoader(drawing, {
        batchSize: 3,
        shuffle: true,
        generator: new Generator().manualSeed(11),
        sequential,
      }),
    iterable: () => new DataLoader(stream, { batchSize: 3, sequential }),
    iterableWholeBatches: () => new DataLoader(stream, { batchSize: 3, dropLast: true, sequential }),
    chain: () => new DataLoader(new ChainDataset([stream, stream]), { batchSize: 4, sequential }),
  };

  it.each(Object.keys(LOADERS))('gives the batches of torch, draws included: %s', async (name) => {
    const want = recorded.loaders[name] as Epochs;
    manualSeed(7);
    const loader = (LOADERS[name] as () => Loader)();
    expect(loader.length).toBe(want.length);
    expect(await epochsOf(loader)).toEqual(want.epochs);
  });

  it('covers all loaders that were recorded', () => {
    expect(Object.keys(LOADERS)).toEqual(Object.keys(recorded.loaders));
  });

  it('gives the same order with samples read at once', async () => {
    const indices = async (options: object) => {
      manualSeed(7);
      const loader = new DataLoader(drawing, { batchSize: 3, sampler: weighted(), ...options });
      return (await epochsOf(loader)).map((batches) => batches.map(([index]) => index));
    };
    const want = await indices({ sequential });
    expect(await indices({})).toEqual(want);
    expect(await indices({ prefetch: 5 })).toEqual(want);
    expect(want).toEqual(recorded.loaders.sampler?.epochs.map((batches) => batches.map(([index]) => index)));
  });
});
