import { describe, expect, expectTypeOf, it } from 'vitest';
import {
  ChainDataset,
  ConcatDataset,
  DataLoader,
  IterableDataset,
  randomSplit,
  StackDataset,
  Subset,
  TensorDataset,
  transforms,
} from '../../lib/data/index.ts';
import { arange, Generator, manualSeed, rand, type Tensor, tensor, zeros } from '../../lib/tensor/index.ts';
import { errorOf } from '../helpers/index.ts';
import { fixtureJson } from './helpers.ts';

const letters = (text: string) => ({ length: text.length, get: (i: number) => text[i] as string });
const later = (values: number[]) => ({
  length: values.length,
  get: async (i: number) => values[i] as number,
});
const all = async <S>(dataset: { length: number; get(i: number): S | Promise<S> }) =>
  Promise.all(Array.from({ length: dataset.length }, (_, i) => dataset.get(i)));

interface Split {
  length: number;
  lengths: number[];
  plain: number[][];
  generator: number[][];
}

describe('data sets made of others', () => {
  it('TensorDataset gives one row of each tensor', async () => {
    const data = new TensorDataset(arange(6).reshape([3, 2]), tensor([7, 8, 9]));
    expect(data.length).toBe(3);
    expect(data.get(1).map((part) => part.toArray())).toEqual([[2, 3], 8]);
    expectTypeOf(data.get(0)).toEqualTypeOf<[Tensor, Tensor]>();
    const batches: unknown[] = [];
    for await (const [x, y] of new DataLoader(data, { batchSize: 2 })) batches.push([x.shape, y.toArray()]);
    expect(batches).toEqual([
      [
        [2, 2],
        [7, 8],
      ],
      [[1, 2], [9]],
    ]);
  });

  it('Subset and ConcatDataset renumber', async () => {
    expect(await all(new Subset(letters('abcde'), [4, 0, 4]))).toEqual(['e', 'a', 'e']);
    const joined = new ConcatDataset([letters('ab'), letters(''), letters('cde')]);
    expect(joined.cumulativeSizes).toEqual([2, 2, 5]);
    expect((await all(joined)).join('')).toBe('abcde');
    expect(await all(new ConcatDataset([later([1]), later([2, 3])]))).toEqual([1, 2, 3]);
  });

  it('StackDataset makes tuples, and objects of named data sets', async () => {
    const pairs = new StackDataset(letters('ab'), later([1, 2]));
    expectTypeOf(pairs.get(0)).toEqualTypeOf<Promise<[string, number]>>();
    expect(await all(pairs)).toEqual([
      ['a', 1],
      ['b', 2],
    ]);
    const named = new StackDataset({ image: letters('ab'), mask: later([1, 2]) });
    expectTypeOf(named.get(0)).toEqualTypeOf<Promise<{ image: string; mask: number }>>();
    expect(await named.get(1)).toEqual({ image: 'b', mask: 2 });
    expect(await all(new StackDataset(letters('xy')))).toEqual([['x'], ['y']]);
  });

  it.each(fixtureJson<{ splits: Split[] }>('samplers.json').splits)(
    'randomSplit of $length samples into $lengths gives the parts of torch',
    ({ length, lengths, plain, generator }) => {
      const data = { length, get: (i: number) => i };
      const parts = (options = {}) => randomSplit(data, lengths, options).map(({ indices }) => indices);
      manualSeed(7);
      expect(parts()).toEqual(plain);
      expect(parts({ generator: new Generator().manualSeed(11) })).toEqual(generator);
    },
  );

  it('randomSplit warns of an empty part', async () => {
    const warned = new Promise((resolve) => process.once('warning', resolve));
    randomSplit(letters('abcdefg'), [0.9, 0.1]);
    expect(await warned).toMatchObject({
      code: 'IBN_DATA_EMPTY_SPLIT',
      message: 'randomSplit left part 1 of 7 samples empty; give it a larger fraction',
    });
  });

  it('say what they expected', () => {
    const attempts = [
      () => new TensorDataset(),
      () => new TensorDataset(zeros([2]), zeros([3])),
      () => new TensorDataset(zeros([])),
      () => new TensorDataset([1, 2] as never),
      () => new TensorDataset(zeros([2])).get(2),
      () => new Subset([1, 2] as never, [0]),
      () => new Subset(letters('ab'), 1 as never),
      () => new Subset(letters('ab'), [0]).get(-1),
      () => new ConcatDataset([]),
      () => new ConcatDataset(letters('ab') as never),
      () => new ConcatDataset([[1, 2] as never]),
      () => new StackDataset(),
      () => new StackDataset(letters('ab'), letters('abc')),
      () => new StackDataset({ image: letters('ab'), mask: 5 as never }),
      () => randomSplit(letters('abc'), [1, 1]),
      () => randomSplit(letters('abc'), [1.5, -0.5]),
      () => new ChainDataset([]),
      () => new ChainDataset([[1] as never]),
    ];
    expect(attempts.map((attempt) => String(errorOf(attempt)))).toMatchInlineSnapshot(`
      [
        "TypeError: Expected at least one tensor for TensorDataset, got none",
        "RangeError: Expected tensors of one length for TensorDataset, got 2 in [0] and 3 in [1]",
        "TypeError: Expected a tensor (N, ...) for TensorDataset [0], got one without dimensions",
        "TypeError: Expected a tensor (N, ...) for TensorDataset [0], got an array",
        "RangeError: Expected 0 to 1 for TensorDataset index, got 2",
        "TypeError: Expected a data set with length and get(index) for Subset, got an array; for an array pass { length, get: (i) => array[i] }",
        "TypeError: Expected something with a length for Subset indices, got 1",
        "RangeError: Expected 0 to 0 for Subset index, got -1",
        "RangeError: Expected at least one data set for ConcatDataset, got none",
        "TypeError: Expected an array of data sets for ConcatDataset, got an object",
        "TypeError: Expected a data set with length and get(index) for ConcatDataset [0], got an array; for an array pass { length, get: (i) => array[i] }",
        "TypeError: Expected at least one data set for StackDataset, got none",
        "RangeError: Expected data sets of one length for StackDataset, got 2 in [0] and 3 in [1]",
        "TypeError: Expected a data set with length and get(index) for StackDataset [mask], got 5",
        "RangeError: Expected lengths of 3 samples together, or fractions of 1 together, for randomSplit, got [1, 1]",
        "RangeError: Expected 0 to 1 for randomSplit lengths [0], got 1.5",
        "RangeError: Expected at least one data set for ChainDataset, got none",
        "TypeError: Expected an iterable data set for ChainDataset [0], got an array",
      ]
    `);
  });
});

class Count extends IterableDataset<number> {
  readonly seen: string[] = [];
  constructor(readonly end: number) {
    super();
  }
  async *[Symbol.asyncIterator]() {
    this.seen.push('open');
    try {
      for (let i = 0; i < this.end; i++) yield i;
    } finally {
      this.seen.push('close');
    }
  }
}

async function batchesOf(loader: AsyncIterable<unknown>): Promise<unknown[]> {
  const batches: unknown[] = [];
  for await (const batch of loader) batches.push((batch as Tensor).toArray());
  return batches;
}

describe('a DataLoader of an iterable data set', () => {
  it('iterates anew in every epoch, whatever is read ahead', async () => {
    for (const prefetch of [0, 1, 5]) {
      const data = new Count(5);
      const loader = new DataLoader(data, { batchSize: 2, prefetch });
      expect(await batchesOf(loader)).toEqual([[0, 1], [2, 3], [4]]);
      expect(await batchesOf(loader)).toEqual([[0, 1], [2, 3], [4]]);
      expect(data.seen).toEqual(['open', 'close', 'open', 'close']);
    }
    expect(await batchesOf(new DataLoader(new Count(4), { batchSize: 2, dropLast: true }))).toHaveLength(2);
    expect(await batchesOf(new DataLoader(new Count(0)))).toEqual([]);
  });

  it('closes what it left before the end', async () => {
    const data = new Count(100);
    for await (const _ of new DataLoader(data, { batchSize: 2 })) break;
    expect(data.seen).toEqual(['open', 'close']);
  });

  it('passes an error on, behind the batches before it', async () => {
    const broken = {
      *[Symbol.iterator]() {
        yield 1;
        yield 2;
        throw new Error('the line is cut');
      },
    };
    const seen: unknown[] = [];
    const run = async () => {
      for await (const batch of new DataLoader(broken)) seen.push(batch.toArray());
    };
    await expect(run()).rejects.toThrow('the line is cut');
    expect(seen).toEqual([[1], [2]]);
  });

  it('gives each sample a generator of its own', async () => {
    const data = {
      async *[Symbol.asyncIterator]() {
        for (let i = 0; i < 5; i++) {
          await new Promise((resolve) => setTimeout(resolve, Math.random() * 3));
          yield rand([], { generator: transforms.sampleGenerator() }).item() as number;
        }
      },
    };
    const drawn = async (options: object) => {
      const batches = await batchesOf(new DataLoader(data, { seed: 3, ...options }));
      return batches.flat();
    };
    const want = await drawn({});
    expect(new Set(want).size).toBe(5);
    expect(await drawn({ batchSize: 2, prefetch: 4 })).toEqual(want);
  });

  it('knows its length where the data set does', () => {
    const sized = Object.assign(new Count(5), { length: 5 });
    expect(new DataLoader(sized, { batchSize: 2 }).length).toBe(3);
    expect(new DataLoader(new ChainDataset([sized, sized]), { batchSize: 4, dropLast: true }).length).toBe(2);
    expect(String(errorOf(() => new DataLoader(new Count(5)).length))).toMatchInlineSnapshot(
      `"TypeError: Expected an iterable data set with a length for DataLoader, got undefined"`,
    );
  });

  it('refuses what has no meaning for it, and iterators that end with the first epoch', () => {
    const generator = new Generator();
    const attempts = [
      () => new DataLoader(new Count(5), { shuffle: true }),
      () => new DataLoader(new Count(5), { sampler: [1] }),
      () => new DataLoader(new Count(5), { skipUnreadable: true }),
      () => new DataLoader(new Count(5)[Symbol.asyncIterator]()),
      () => new DataLoader('abc' as never),
      () => new DataLoader(letters('abc'), { sampler: [1], shuffle: true }),
      () => new DataLoader(letters('abc'), { sampler: 5 as never }),
      () => new DataLoader(letters('abc'), { batchSampler: [[1]], batchSize: 2 }),
      () => new DataLoader(letters('abc'), { batchSampler: [[1]], dropLast: true }),
      () => new DataLoader(letters('abc'), { generator, seed: 3 }),
      () => new DataLoader(letters('abc'), { generator: 3 as never }),
      () => new DataLoader(letters('abc'), { sampler: new Set([1]) }).length,
    ];
    expect(attempts.map((attempt) => String(errorOf(attempt)))).toMatchInlineSnapshot(`
      [
        "RangeError: Expected no shuffle for DataLoader beside an iterable data set, which has its own order, got one; leave it out",
        "RangeError: Expected no sampler for DataLoader beside an iterable data set, which has its own order, got one; leave it out",
        "RangeError: Expected no skipUnreadable for DataLoader beside an iterable data set, which has its own order, got one; leave it out",
        "TypeError: Expected a data set that can be iterated in every epoch for DataLoader, got an iterator; pass { [Symbol.asyncIterator]: () => makeIterator() }",
        "TypeError: Expected a data set with length and get(index) for DataLoader, got "abc"",
        "RangeError: Expected no shuffle for DataLoader beside sampler, which gives the order, got one; leave it out",
        "TypeError: Expected an iterable for DataLoader sampler, got 5",
        "RangeError: Expected no batchSize for DataLoader beside batchSampler, which makes the batches, got one; leave it out",
        "RangeError: Expected no dropLast for DataLoader beside batchSampler, which makes the batches, got one; leave it out",
        "RangeError: Expected no seed for DataLoader beside generator, got one; leave it out",
        "TypeError: Expected a Generator for DataLoader generator, got 3",
        "TypeError: Expected a length for BatchSampler sampler, got undefined",
      ]
    `);
  });

  it('refuses batches that are no arrays of indices', async () => {
    const run = (batchSampler: Iterable<never>) =>
      batchesOf(new DataLoader(letters('abc'), { batchSampler }));
    await expect(run([1] as never)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[TypeError: Expected an array of indices for each batch of DataLoader batchSampler, got 1]`,
    );
    await expect(run([[]] as never)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[TypeError: Expected an array of indices for each batch of DataLoader batchSampler, got an empty one]`,
    );
  });
});
