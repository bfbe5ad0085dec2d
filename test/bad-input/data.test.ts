import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Header } from 'tar';
import { afterAll, describe, vi } from 'vitest';
import * as data from '../../lib/data/index.ts';
import { full, Generator, ones, randint, zeros } from '../../lib/index.ts';
import { box, writeIconPackages } from '../data/emoji-packages.ts';
import { made, refusesBadInput } from './area.ts';
import { exportsOf } from './exports.ts';
import type { GoodCall } from './judge.ts';

const { datasets } = data;
const folder = mkdtempSync(join(tmpdir(), 'bad-input-'));
afterAll(() => rmSync(folder, { recursive: true }));
const png = await data.encodePng(zeros([3, 2, 2], { dtype: 'uint8' }));
for (const name of ['cat', 'dog']) {
  mkdirSync(join(folder, name));
  writeFileSync(join(folder, name, 'a.png'), png);
}
const idx = join(folder, 'labels');
writeFileSync(idx, Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 2, 3, 4));

const sides = [0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28];
writeFileSync(join(folder, 't10k-labels-idx1-ubyte'), Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 2, 3, 4));
writeFileSync(
  join(folder, 't10k-images-idx3-ubyte'),
  Uint8Array.of(0, 0, 8, 3, ...sides, ...Array<number>(2 * 28 * 28).fill(0)),
);

const drawings = mkdtempSync(join(tmpdir(), 'bad-input-emoji-'));
afterAll(() => rmSync(drawings, { recursive: true }));
const packages = writeIconPackages(drawings, {
  openmoji: { icons: { 'red-apple': box('#f00', 0, 0, 4, 4), 'green-apple': box('#0f0', 0, 0, 4, 4) } },
  twemoji: { icons: { 'red-apple': box('#f00', 2, 2, 4, 4) } },
});
const things = {
  hospital: box('#f00', 0, 0, 4, 4),
  automobile: box('#0f0', 0, 0, 4, 4),
  tulip: box('#00f', 0, 0, 4, 4),
  dog: box('#ff0', 0, 0, 4, 4),
  person: box('#f0f', 0, 0, 4, 4),
};
const scenery = writeIconPackages(mkdtempSync(join(drawings, 'scenery-')), {
  openmoji: { icons: things },
  fxemoji: { icons: things },
});
const photographs = await Promise.all(
  [10, 20, 30, 40].map(async (value) => {
    const path = join(drawings, `photograph-${value}.png`);
    await data.writePng(full([3, 40, 60], value, { dtype: 'uint8' }), path);
    return path;
  }),
);
vi.stubEnv('IBN_NET_CACHE', drawings);
afterAll(() => vi.unstubAllEnvs());
const emoji = await datasets.EmojiStyles.load({
  styles: ['openmoji', 'twemoji'],
  size: 8,
  packages,
  cache: null,
});

const generator = new Generator();
const image = randint(0, 255, [3, 2, 2], { dtype: 'uint8' });
const rows = new data.TensorDataset(ones([4, 2]));
const source = [10, 20, 30];
const samples = { length: 3, [Symbol.iterator]: () => source.values() };

/** The first of what a sampler gives: some would go on for long. */
function first(sampler: Iterable<unknown>): unknown[] {
  const found: unknown[] = [];
  for (const item of sampler) if (found.push(item) === 3) break;
  return found;
}
async function firstBatch(loader: data.DataLoader<unknown, unknown>): Promise<unknown> {
  for await (const batch of loader) return batch;
  return undefined;
}

/** A file of a shard. */
function tarFile(path: string, bytes: Uint8Array): Buffer {
  const block = Buffer.alloc(512);
  new Header({ path, size: bytes.length, type: 'File', mode: 0o644 }).encode(block, 0);
  const padded = Buffer.alloc(Math.ceil(bytes.length / 512) * 512);
  padded.set(bytes);
  return Buffer.concat([block, padded]);
}
const shard = join(folder, 'shard.tar');
const tarBytes = Buffer.concat([
  tarFile('1.png', png),
  tarFile('1.cls', Buffer.from('3')),
  Buffer.alloc(1024),
]);
writeFileSync(shard, tarBytes);

async function firstOfShards(...given: unknown[]): Promise<unknown> {
  return (await Reflect.apply(datasets.WebDataset.open, datasets.WebDataset, given)).get(0);
}
async function firstOfStream(...given: unknown[]): Promise<unknown> {
  for await (const sample of Reflect.apply(datasets.tarSamples, undefined, given)) return sample;
  return undefined;
}

const calls: Record<string, [args: unknown[], call: GoodCall['call']]> = {
  SequentialSampler: [[source], made(data.SequentialSampler, first)],
  RandomSampler: [[source, { replacement: true, numSamples: 4, generator }], made(data.RandomSampler, first)],
  SubsetRandomSampler: [[[0, 2], { generator }], made(data.SubsetRandomSampler, first)],
  WeightedRandomSampler: [
    [[0.1, 0.9], 3, { replacement: true, generator }],
    made(data.WeightedRandomSampler, first),
  ],
  DistributedSampler: [
    [source, { numReplicas: 2, rank: 1, shuffle: true, seed: 3, dropLast: false }],
    made(data.DistributedSampler, first),
  ],
  DistributedEvalSampler: [[source, { numReplicas: 2, rank: 1 }], made(data.DistributedEvalSampler, first)],
  BatchSampler: [[[4, 1, 3], 2, false], made(data.BatchSampler, first)],
  ConcatDataset: [[[rows, rows]], made(data.ConcatDataset, (made) => made.get(5))],
  ChainDataset: [[[samples, samples]], made(data.ChainDataset, (made) => made.length)],
  StackDataset: [[{ left: rows, right: rows }], made(data.StackDataset, (made) => made.get(1))],
  Subset: [[rows, [0, 2]], made(data.Subset, (made) => made.get(1))],
  TensorDataset: [[ones([4, 2]), ones([4])], made(data.TensorDataset, (made) => made.get(1))],
  randomSplit: [[rows, [1, 3], { generator }], data.randomSplit],
  DataLoader: [
    [
      rows,
      {
        batchSize: 2,
        shuffle: true,
        dropLast: false,
        generator,
        collateFn: (samples: unknown[]) => samples,
        numWorkers: 1,
        prefetchFactor: 2,
        timeout: 100,
        pinMemory: false,
      },
    ],
    made(data.DataLoader, firstBatch),
  ],
  'DataLoader, with options of its own': [
    [rows, { prefetch: 2, sequential: false, skipUnreadable: false, seed: 3 }],
    made(data.DataLoader, firstBatch),
  ],
  'DataLoader, of a sampler': [[rows, { sampler: [0, 1] }], made(data.DataLoader, firstBatch)],
  'DataLoader, of batches': [[rows, { batchSampler: [[0, 1], [2]] }], made(data.DataLoader, firstBatch)],
  defaultCollate: [[[ones([2]), ones([2])]], data.defaultCollate],
  decodeImage: [[png, { name: 'it', maxPixels: 100 }], data.decodeImage],
  encodePng: [[image, { compressionLevel: 3 }], data.encodePng],
  writePng: [[image, join(folder, 'a.png'), { compressionLevel: 3 }], data.writePng],
  'corruptions.corrupt': [[image, 'shot_noise', 3, { generator }], data.corruptions.corrupt],
  'datasets.ImageFolder': [
    [
      folder,
      {
        transform: new data.transforms.ToTensor(),
        targetTransform: (label: number) => label,
        loader: data.decodeImage,
        extensions: ['.png'],
        allowEmpty: false,
      },
    ],
    made(datasets.ImageFolder, (made) => made.get(0)),
  ],
  'datasets.FashionMNIST': [
    [folder, { train: false, transform: new data.transforms.ToTensor() }],
    made(datasets.FashionMNIST, (made) => made.get(0)),
  ],
  'datasets.EmojiStyles': [
    [
      {
        styles: ['openmoji', 'twemoji'],
        size: 8,
        classes: 'group',
        inAll: ['openmoji'],
        minPerClass: 1,
        background: [0, 0, 9],
        transform: new data.transforms.ToTensor(),
        packages,
      },
    ],
    datasets.EmojiStyles.load,
  ],
  'datasets.EmojiStyles.images': [
    [
      [0, 1],
      [9, 9, 9],
    ],
    emoji.images.bind(emoji),
  ],
  'datasets.EmojiStyles.pictures': [[[0, 1]], emoji.pictures.bind(emoji)],
  'datasets.EmojiStyles.indices': [[{ styles: ['twemoji'], emoji: emoji.emoji }], emoji.indices.bind(emoji)],
  'datasets.EmojiStyles.splitByStyle': [
    [{ train: ['openmoji'], test: ['twemoji'], sharedGeometry: false }],
    emoji.splitByStyle.bind(emoji),
  ],
  'datasets.Scenes': [
    [
      {
        style: 'fxemoji',
        photographs: photographs.slice(0, 1),
        length: 2,
        size: [32, 48],
        things: [1, 2],
        plain: 0.5,
        seed: 3,
        packages: scenery,
        cache: drawings,
      },
    ],
    datasets.Scenes.load,
  ],
  'datasets.writeScenes': [
    [
      {
        a: { style: 'openmoji', photographs: photographs.slice(0, 2) },
        b: { style: 'fxemoji', photographs: photographs.slice(2) },
        train: 1,
        val: 1,
        size: [32, 48],
        things: [1, 2],
        plain: 0.5,
        seed: 3,
        packages: scenery,
        cache: drawings,
        onScene: () => {},
      },
    ],
    datasets.writeScenes.bind(null, join(drawings, 'scenes')),
  ],
  'datasets.splitEmoji': [[emoji.emoji, [0.25, 0.75], { seed: 3 }], datasets.splitEmoji],
  'datasets.WebDataset': [
    [
      [shard],
      {
        transform: new data.transforms.ToTensor(),
        image: ['png'],
        target: (read: (e: string) => Buffer) => read('cls'),
      },
    ],
    firstOfShards,
  ],
  'datasets.tarSamples': [[[tarBytes], 'shard'], firstOfStream],
  'datasets.findImages': [[folder, ['.png']], datasets.findImages],
  'datasets.readIdx': [[idx], datasets.readIdx],
  'datasets.fsEncode': [['a'], datasets.fsEncode],
};

const OTHERS: Record<string, string> = {
  IterableDataset: 'the base',
  decodeLabels: 'as decodeImage, and test/segment/data',
  DatasetError: 'an error, which the package makes',
  ImageError: 'an error, which the package makes',
  defaultConvert: 'takes whatever a sample is, as torch does',
};

describe('data refuses bad input in words', () => {
  const goods = Object.entries(calls).map(([name, [args, call]]) => ({ name, args, call }));
  const names = exportsOf(data as unknown as Record<string, unknown>, '');
  refusesBadInput(
    'data',
    goods,
    names.filter((name) => !name.startsWith('transforms.')),
    OTHERS,
  );
});
