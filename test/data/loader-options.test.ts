import { describe, expect, expectTypeOf, it } from 'vitest';
import { DataLoader, defaultConvert, type Tensor } from '../../lib/index.ts';
import { message } from '../helpers/index.ts';

const squares = { length: 4, get: (i: number) => [i, i * i] as [number, number] };
const rows = { length: 3, get: (i: number) => ({ x: new Float32Array([i, 2]), name: `row ${i}` }) };

async function all<T>(loader: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of loader) found.push(item);
  return found;
}

describe('DataLoader without batches', () => {
  it('gives the samples one by one, in the order of its sampler', async () => {
    const loader = new DataLoader(squares, { batchSize: null, sampler: [3, 1] });
    expect(await all(loader)).toEqual([
      [3, 9],
      [1, 1],
    ]);
    expect(new DataLoader(squares, { batchSize: null }).length).toBe(4);
  });

  it('makes tensors of typed arrays, and nothing else', async () => {
    const loader = new DataLoader(rows, { batchSize: null });
    const found = await all(loader);
    expectTypeOf(found).toEqualTypeOf<{ x: Tensor; name: string }[]>();
    expect(found.map(({ x, name }) => [x.toArray(), name])).toEqual([
      [[0, 2], 'row 0'],
      [[1, 2], 'row 1'],
      [[2, 2], 'row 2'],
    ]);
    const [bytes, map] = defaultConvert([
      new Uint8Array([1]),
      new Map([['a', new Float64Array(2)]]),
    ] as const);
    expect([bytes.dtype, map.get('a')?.dtype]).toEqual(['uint8', 'float64']);
  });

  it('gives each sample to collateFn', async () => {
    const loader = new DataLoader(squares, { batchSize: null, collateFn: ([x, y]) => x + y });
    const found = await all(loader);
    expectTypeOf(found).toEqualTypeOf<number[]>();
    expect(found).toEqual([0, 2, 6, 12]);
  });

  it('iterates over what has no numbers', async () => {
    const stream = {
      *[Symbol.iterator]() {
        yield* ['a', 'b'];
      },
    };
    expect(await all(new DataLoader(stream, { batchSize: null }))).toEqual(['a', 'b']);
  });

  it('shuffles as with batches of one', async () => {
    const order = async (batchSize: 1 | null) =>
      (await all(new DataLoader(squares, { batchSize, shuffle: true, seed: 5, collateFn: String }))).join();
    expect(await order(null)).toBe(await order(1));
  });
});

describe('options of torch for DataLoader', () => {
  it('count batches that are read ahead', () => {
    const loader = (options: object) => new DataLoader(squares, options);
    expect(loader({ numWorkers: 3 }).prefetch).toBe(6);
    expect(loader({ numWorkers: 2, prefetchFactor: 4 }).prefetch).toBe(8);
    expect(loader({ numWorkers: 0 })).toMatchObject({ prefetch: 0, sequential: true });
  });

  it('end an epoch whose batch takes longer than timeout', async () => {
    const slow = { length: 1, get: () => new Promise<number>(() => {}) };
    await expect(all(new DataLoader(slow, { timeout: 0.02 }))).rejects.toThrow(
      'Expected a batch within 0.02 s (timeout) for DataLoader, got none',
    );
    expect(await all(new DataLoader(squares, { timeout: 60, batchSize: null }))).toHaveLength(4);
  });

  it('are errors where they need worker processes, unless they ask for nothing', () => {
    const loader = (options: object) => message(() => new DataLoader(squares, options));
    const harmless = { persistentWorkers: false, workerInitFn: null, inOrder: true, timeout: 0 };
    expect(new DataLoader(squares, harmless).length).toBe(4);
    expect([
      loader({ workerInitFn: () => {} }),
      loader({ persistentWorkers: true }),
      loader({ inOrder: false }),
      loader({ prefetchFactor: 2 }),
      loader({ numWorkers: 2, prefetch: 1 }),
      loader({ numWorkers: -1 }),
      loader({ timeout: -1 }),
      loader({ batchSize: null, dropLast: true }),
      loader({ batchSize: 0 }),
      loader({ numWorker: 2 }),
    ]).toMatchInlineSnapshot(`
      [
        "RangeError: Expected no workerInitFn for DataLoader, which has no worker processes, got the function workerInitFn; leave it out",
        "RangeError: Expected no persistentWorkers for DataLoader, which has no worker processes, got true; leave it out",
        "RangeError: Expected no inOrder for DataLoader, whose batches come in order, got false; leave it out",
        "RangeError: Expected numWorkers above 0 for DataLoader with prefetchFactor, got none",
        "RangeError: Expected no prefetch for DataLoader beside numWorkers, which says how samples are read, got one; leave it out",
        "RangeError: Expected an integer of at least 0 for DataLoader numWorkers, got -1",
        "RangeError: Expected a number from 0 to 2147483 for DataLoader timeout, got -1",
        "RangeError: Expected no dropLast for DataLoader beside batchSize null, which makes no batches, got one; leave it out",
        "RangeError: Expected an integer of at least 1 for DataLoader batchSize, got 0",
        "RangeError: Expected a known option for DataLoader, got "numWorker"; did you mean numWorkers?",
      ]
    `);
  });
});
