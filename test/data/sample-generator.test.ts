import { describe, expect, it } from 'vitest';
import { DataLoader, transforms } from '../../lib/data/index.ts';
import {
  arange,
  equal,
  getRngState,
  manualSeed,
  rand,
  randn,
  scope,
  type Tensor,
} from '../../lib/tensor/index.ts';
import { fixtureJson } from './helpers.ts';
import { random as everyRandom } from './transforms-cases.ts';

const { Compose, RandomCrop, RandomHorizontalFlip } = transforms;
const augment = new Compose([new RandomCrop(8), new RandomHorizontalFlip()]);

function imageOf(index: number): Tensor {
  return scope(() =>
    arange(144, { dtype: 'int64' })
      .reshape([1, 12, 12])
      .add(1000 * index),
  );
}

/** A data set whose images take as long to decode as `delay` says, drawing before and after. */
function images(delay: (index: number) => number, transform: transforms.Transform = augment) {
  const get = async (index: number): Promise<Tensor> => {
    await new Promise((resolve) => setTimeout(resolve, delay(index)));
    const first = transform.forward(imageOf(index));
    await new Promise((resolve) => setTimeout(resolve, delay(index + 1)));
    return first.add(Number(rand([], { generator: transforms.sampleGenerator() }).item()));
  };
  return { length: 7, get };
}

type Loader = DataLoader<Tensor, Tensor>;

/** The elements of each sample, in order. */
async function epoch(loader: Loader): Promise<number[][]> {
  const samples: number[][] = [];
  for await (const batch of loader) samples.push(...(batch.flatten(1).toArray() as number[][]));
  return samples;
}

const none = () => 0;
const shuffled = { batchSize: 3, shuffle: true, seed: 5 };

describe('random augmentation under a DataLoader', () => {
  it('is the same for a seed, however long images take, whatever is read ahead and makes a batch', async () => {
    const want = await epoch(new DataLoader(images(none), shuffled));
    const runs: [(index: number) => number, object][] = [
      [(index) => (index % 3) * 4, {}],
      [(index) => (7 - index) * 3, { prefetch: 0 }],
      [() => Math.random() * 8, { prefetch: 5 }],
      [() => Math.random() * 8, { batchSize: 2, prefetch: 1 }],
    ];
    for (const [delay, options] of runs) {
      manualSeed(Math.floor(Math.random() * 1000));
      expect(await epoch(new DataLoader(images(delay), { ...shuffled, ...options }))).toEqual(want);
    }
  });

  it('follows manualSeed where the loader has no seed of its own', async () => {
    const run = (seed: number) => {
      manualSeed(seed);
      return epoch(
        new DataLoader(
          images(() => Math.random() * 4),
          { batchSize: 2 },
        ),
      );
    };
    const want = await run(3);
    expect(await run(3)).toEqual(want);
    expect(await run(4)).not.toEqual(want);
  });

  it('differs between epochs, samples and seeds', async () => {
    const same = { length: 7, get: async () => augment.forward(imageOf(0)) };
    const loader = new DataLoader(same, { batchSize: 7, seed: 5 });
    const [first, second] = [await epoch(loader), await epoch(loader)];
    expect(first).not.toEqual(second);
    expect(new Set(first.map((sample) => sample.join())).size).toBeGreaterThan(3);
    expect(await epoch(new DataLoader(same, { batchSize: 7, seed: 6 }))).not.toEqual(first);
    expect(await epoch(new DataLoader(same, { batchSize: 7, seed: 5 }))).toEqual(first);
  });

  it('of two loaders at once does not mix', async () => {
    const make = (seed: number) =>
      new DataLoader(
        images(() => Math.random() * 5),
        { batchSize: 2, shuffle: true, seed },
      );
    const alone = [await epoch(make(1)), await epoch(make(2))];
    expect(await Promise.all([epoch(make(1)), epoch(make(2))])).toEqual(alone);
  });

  it('covers every random transform: none draws from the default generator', async () => {
    const every = Object.values(everyRandom).map((make) => make());
    const made = new Set(every.map((transform) => transform.constructor.name));
    const drawing = Object.keys(transforms).filter((name) => /^Random|Jitter|Aug/.test(name));
    expect(drawing.filter((name) => !made.has(name))).toEqual([]);
    for (const transform of every) {
      const image = (index: number) => imageOf(index).remainder(256).to('uint8').expand([3, 12, 12]);
      const get = async (index: number) => [transform.forward(image(index)).float().sum()];
      const before = getRngState();
      for await (const _ of new DataLoader({ length: 3, get }, { batchSize: 3, seed: 1 }));
      expect(equal(getRngState(), before), String(transform)).toBe(true);
    }
  });

  it('is of the default generator where a transform runs by itself', () => {
    expect(transforms.sampleGenerator()).toBeNull();
    manualSeed(2);
    const first = augment.forward(imageOf(1)).toArray();
    manualSeed(2);
    expect(augment.forward(imageOf(1)).toArray()).toEqual(first);
    expect(randn([2], { generator: transforms.sampleGenerator() }).shape).toEqual([2]);
  });

  it("is that of torch's loader without workers where samples are read one after the other", async () => {
    const { augmented } = fixtureJson<{ augmented: number[][][][] }>('random.json');
    manualSeed(7);
    const get = async (index: number) => {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 3));
      return augment.forward(imageOf(index));
    };
    const loader = new DataLoader({ length: 7, get }, { batchSize: 3, shuffle: true, sequential: true });
    const rows: number[][][][] = [];
    for (let i = 0; i < 2; i++) {
      const batches: number[][][] = [];
      for await (const batch of loader) batches.push(batch.index(':', 0, 0).toArray() as number[][]);
      rows.push(batches);
    }
    expect(rows).toEqual(augmented);
  });
});
