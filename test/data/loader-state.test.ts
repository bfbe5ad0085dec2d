import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { load, save } from '../../lib/checkpoint/index.ts';
import {
  DataLoader,
  type DataLoaderOptions,
  type DataLoaderState,
  transforms,
  WeightedRandomSampler,
} from '../../lib/data/index.ts';
import { Generator, getRngState, manualSeed, rand, setRngState } from '../../lib/tensor/index.ts';
import { tmp } from '../helpers/files.ts';

type Drawn = [index: number, noise: number];
type Options = DataLoaderOptions<Drawn, Drawn[]>;

const draw = (): number => Number(rand([], { generator: transforms.sampleGenerator() }).item());
const read: number[] = [];
const dataset = {
  length: 11,
  get(index: number): Drawn {
    read.push(index);
    return [index, draw()];
  },
};
const stream = {
  *[Symbol.iterator](): Iterator<Drawn> {
    for (let index = 0; index < 11; index++) yield [index, draw()];
  },
};
const collateFn = (batch: Drawn[]) => batch;

const KINDS: Record<string, () => DataLoader<Drawn, Drawn[]>> = {
  'in order': () => new DataLoader(dataset, { batchSize: 3, collateFn }),
  shuffled: () => new DataLoader(dataset, { batchSize: 3, shuffle: true, collateFn } as Options),
  'with a seed of its own': () =>
    new DataLoader(dataset, { batchSize: 3, shuffle: true, seed: 4, collateFn } as Options),
  'with a sampler that has a generator': () => {
    const generator = new Generator().manualSeed(3);
    const sampler = new WeightedRandomSampler([1, 2, 3, 4], 11, { generator });
    return new DataLoader(dataset, { batchSize: 3, sampler, collateFn } as Options);
  },
  'of an iterable data set': () => new DataLoader(stream, { batchSize: 3, collateFn } as Options),
  'that reads ahead a lot': () =>
    new DataLoader(dataset, { batchSize: 2, prefetch: 7, shuffle: true, collateFn } as Options),
};

/** Three epochs, with draws of the program between the batches; stopped after `stop` batches where that is given. */
async function epochs(loader: DataLoader<Drawn, Drawn[]>, done: number, stop = Number.POSITIVE_INFINITY) {
  const seen: unknown[] = [];
  for (let epoch = done; epoch < 3; epoch++) {
    for await (const batch of loader) {
      seen.push([epoch, batch, Number(rand([]).item())]);
      if (seen.length === stop) return { seen, state: loader.stateDict(), rng: getRngState(), epoch };
    }
  }
  return { seen, state: loader.stateDict(), rng: getRngState(), epoch: 3 };
}

describe('the state of a DataLoader', () => {
  it.each(Object.keys(KINDS))('%s: goes on as if it had never stopped', async (kind) => {
    const make = KINDS[kind] as () => DataLoader<Drawn, Drawn[]>;
    manualSeed(8);
    const all = (await epochs(make(), 0)).seen;
    const file = join(tmp(), 'state.pth');
    for (const stop of [1, 2, 3, 4, 5, 9]) {
      manualSeed(8);
      const { seen, state, rng, epoch } = await epochs(make(), 0, stop);
      save({ state, rng }, file);
      manualSeed(99);
      const saved = load<{ state: DataLoaderState; rng: ReturnType<typeof getRngState> }>(file);
      const loader = make();
      loader.loadStateDict(saved.state);
      setRngState(saved.rng);
      const rest = await epochs(loader, epoch);
      expect([...seen, ...rest.seen]).toEqual(all);
    }
  });

  it('reads no sample again that was given', async () => {
    const loader = KINDS.shuffled?.() as DataLoader<Drawn, Drawn[]>;
    const { state } = await epochs(loader, 0, 3);
    const again = KINDS.shuffled?.() as DataLoader<Drawn, Drawn[]>;
    again.loadStateDict(state);
    read.length = 0;
    for await (const _ of again);
    expect(read.length).toBe(2);
    read.length = 0;
    for await (const _ of again);
    expect(read.length).toBe(11);
  });

  it('is the same until the loader is iterated again', async () => {
    const loader = KINDS.shuffled?.() as DataLoader<Drawn, Drawn[]>;
    const { state } = await epochs(loader, 0, 2);
    const other = KINDS.shuffled?.() as DataLoader<Drawn, Drawn[]>;
    other.loadStateDict(state);
    expect(other.stateDict().batches).toBe(2);
  });

  it('says what does not fit', async () => {
    const plain = KINDS.shuffled?.() as DataLoader<Drawn, Drawn[]>;
    const seeded = KINDS['with a seed of its own']?.() as DataLoader<Drawn, Drawn[]>;
    expect(() => plain.loadStateDict(seeded.stateDict())).toThrow(
      'Expected the state of a DataLoader with 0 generators of its own for DataLoader.loadStateDict, got one with 1',
    );
    expect(() => plain.loadStateDict(null as never)).toThrow(
      'Expected what stateDict() gave for DataLoader.loadStateDict, got null',
    );
    expect(() => plain.loadStateDict({ batches: 1 } as never)).toThrow('Expected what stateDict() gave');
    const { state } = await epochs(plain, 0, 4);
    const shorter = new DataLoader<Drawn, Drawn[]>(
      { ...dataset, length: 5 },
      { batchSize: 3, shuffle: true, collateFn },
    );
    shorter.loadStateDict(state);
    const iterate = async () => {
      for await (const _ of shorter);
    };
    await expect(iterate()).rejects.toThrow(
      'Expected an epoch of at least 4 batches for DataLoader.loadStateDict, got 2',
    );
  });
});
