import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { DataLoader, DatasetError, datasets } from '../../lib/data/index.ts';
import { equal, getRngState, manualSeed, tensor } from '../../lib/tensor/index.ts';
import { fixture, fixtureJson } from './helpers.ts';

const scratch = mkdtempSync(join(tmpdir(), 'ibn-data-'));
afterAll(() => rmSync(scratch, { recursive: true }));

function idx(type: number, shape: number[], data: Uint8Array): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.set([0, 0, type, shape.length]);
  for (const [dim, side] of shape.entries()) header.writeUInt32BE(side, 4 + 4 * dim);
  return Buffer.concat([header, data]);
}

function writeFashion(folder: string, count: number, labels: Uint8Array): string {
  const root = join(scratch, folder);
  mkdirSync(root, { recursive: true });
  const images = Uint8Array.from({ length: count * 784 }, (_, i) => i % 256);
  writeFileSync(join(root, 't10k-images-idx3-ubyte.gz'), gzipSync(idx(8, [count, 28, 28], images)));
  writeFileSync(join(root, 't10k-labels-idx1-ubyte'), idx(8, [labels.length], labels));
  return root;
}

function message(attempt: () => unknown): string {
  try {
    return String(attempt());
  } catch (error) {
    return `${error}`.replaceAll(scratch, '<scratch>').replaceAll(fixture(''), '<fixtures>/');
  }
}

describe('data sets', () => {
  it("FashionMNIST reads idx files, gzipped or not, from root or torchvision's folder", () => {
    for (const folder of ['plain', 'tv/FashionMNIST/raw']) {
      writeFashion(folder, 3, Uint8Array.of(9, 0, 4));
      const set = new datasets.FashionMNIST(join(scratch, folder.split('/')[0] as string), { train: false });
      expect(set.length).toBe(3);
      expect(set.data.shape).toEqual([3, 28, 28]);
      expect(set.targets.toArray()).toEqual([9, 0, 4]);
      const [image, label] = set.get(2);
      expect([image.shape, image.dtype, label]).toEqual([[1, 28, 28], 'uint8', 4]);
      expect(image.flatten().narrow(0, 0, 3).toArray()).toEqual([32, 33, 34]);
    }
  });

  it('FashionMNIST tells what is missing or damaged', () => {
    const short = writeFashion('short', 3, Uint8Array.of(1, 2));
    const wrong = writeFashion('wrong', 1, Uint8Array.of(10));
    writeFileSync(join(scratch, 'cut.idx'), idx(8, [2, 2], new Uint8Array(3)));
    writeFileSync(join(scratch, 'text.idx'), 'hello');
    expect([
      message(() => new datasets.FashionMNIST(join(scratch, 'none'))),
      message(() => new datasets.FashionMNIST(short, { train: false })),
      message(() => new datasets.FashionMNIST(wrong, { train: false })),
      message(() => datasets.readIdx(join(scratch, 'cut.idx'))),
      message(() => datasets.readIdx(join(scratch, 'text.idx'))),
      message(() => new datasets.FashionMNIST(join(scratch, 'plain'), { train: false }).get(3)),
    ]).toMatchInlineSnapshot(`
      [
        "DatasetError: Expected train-images-idx3-ubyte[.gz] and train-labels-idx1-ubyte[.gz] in <scratch>/none or <scratch>/none/FashionMNIST/raw; install them with "apt-get install dataset-fashion-mnist" on Debian or Ubuntu, or download the four files from https://github.com/zalandoresearch/fashion-mnist and pass their folder as root",
        "DatasetError: Expected 3 uint8 labels in <scratch>/short/t10k-labels-idx1-ubyte, got uint8 [2]; fetch the file again",
        "DatasetError: Expected labels 0 to 9 in <scratch>/wrong/t10k-labels-idx1-ubyte, got a larger one; fetch the file again",
        "DatasetError: Expected 4 bytes of data for shape [2, 2] in <scratch>/cut.idx, got 3; fetch the file again",
        "DatasetError: Expected an idx header in <scratch>/text.idx, got 68656c6c; fetch the file again",
        "RangeError: Expected 0 to 2 for FashionMNIST index, got 3",
      ]
    `);
  });

  it('readIdx turns big-endian numbers round', () => {
    const path = join(scratch, 'ints.idx');
    writeFileSync(path, idx(12, [2], Uint8Array.of(0, 0, 1, 2, 255, 255, 255, 254)));
    expect(equal(datasets.readIdx(path), tensor([258, -2], { dtype: 'int32' }))).toBe(true);
  });

  it('ImageFolder sorts classes and files as torchvision does', async () => {
    const root = join(scratch, 'folder');
    const files = [
      'b/z.jpg',
      'b/a/q.png',
      'b/a-a/p.PNG',
      'B/x.jpg',
      'a/1.jpg',
      'a/10.jpg',
      'a/2.jpg',
      'a/notes.txt',
    ];
    for (const file of files) {
      mkdirSync(join(root, file, '..'), { recursive: true });
      symlinkSync(fixture('images/modes/422.jpg'), join(root, file));
    }
    const set = new datasets.ImageFolder(root);
    expect(set.classes).toEqual(['B', 'a', 'b']);
    expect(set.classToIdx.get('b')).toBe(2);
    expect(set.samples.map(([path]) => path.slice(root.length + 1))).toEqual([
      'B/x.jpg',
      'a/1.jpg',
      'a/10.jpg',
      'a/2.jpg',
      'b/z.jpg',
      'b/a/q.png',
      'b/a-a/p.PNG',
    ]);
    const [image, label] = await set.get(6);
    expect([image.shape, label]).toEqual([[3, 64, 96], 2]);
  });

  it('ImageFolder refuses folders without classes or images', () => {
    mkdirSync(join(scratch, 'empty-class/cat'), { recursive: true });
    const empty = join(scratch, 'empty-class');
    expect(() => new datasets.ImageFolder(empty)).toThrow(DatasetError);
    expect([
      message(() => new datasets.ImageFolder(empty)),
      message(() => new datasets.ImageFolder(join(empty, 'cat'))),
      message(() => new datasets.ImageFolder(join(scratch, 'nowhere'))),
    ]).toMatchInlineSnapshot(`
      [
        "DatasetError: Expected images (.jpg, .jpeg, .png, .ppm, .bmp, .pgm, .tif, .tiff, .webp) for every class in <scratch>/empty-class, got none for cat; remove the empty folders or pass { allowEmpty: true }",
        "DatasetError: Expected a folder for each class in <scratch>/empty-class/cat, got none; check the path",
        "DatasetError: Expected a folder for each class in <scratch>/nowhere, got no such folder; check the path",
      ]
    `);
  });
});

interface LoaderFixture {
  seed: number;
  loader: number[][][];
  generatorSeed: number;
  generatorLoader: number[][][];
}

describe('DataLoader', () => {
  const fixtureOrder = fixtureJson<LoaderFixture>('random.json');
  const numbers = { length: 23, get: (index: number) => index };

  async function epoch(loader: AsyncIterable<number[]>): Promise<number[][]> {
    const batches: number[][] = [];
    for await (const batch of loader) batches.push(batch);
    return batches;
  }

  it("shuffles in torch's order after the same manualSeed", async () => {
    manualSeed(fixtureOrder.seed);
    const loader = new DataLoader(numbers, { batchSize: 5, shuffle: true, collateFn: (samples) => samples });
    expect([await epoch(loader), await epoch(loader)]).toEqual(fixtureOrder.loader);
  });

  it("shuffles with its own seed in torch's order, leaving the global generator alone", async () => {
    const seed = fixtureOrder.generatorSeed;
    const before = getRngState();
    const loader = new DataLoader(numbers, {
      batchSize: 5,
      shuffle: true,
      seed,
      collateFn: (samples) => samples,
    });
    expect([await epoch(loader), await epoch(loader)]).toEqual(fixtureOrder.generatorLoader);
    expect(equal(getRngState(), before)).toBe(true);
  });

  it('collates tensors, labels, strings and objects', async () => {
    const samples = {
      length: 3,
      get: (i: number) => ({ x: tensor([i, i + 1]), y: i, z: i / 2, name: `n${i}` }),
    };
    const loader = new DataLoader(samples, { batchSize: 2 });
    expect(loader.length).toBe(2);
    const batches = [];
    for await (const batch of loader) batches.push(batch);
    const [first, last] = batches;
    expect(first?.x.toArray()).toEqual([
      [0, 1],
      [1, 2],
    ]);
    expect([first?.y.dtype, first?.z.dtype, first?.name]).toEqual(['int64', 'float64', ['n0', 'n1']]);
    expect(last?.x.shape).toEqual([1, 2]);
    expect(new DataLoader(samples, { batchSize: 2, dropLast: true }).length).toBe(1);
  });

  it('reads ahead, no further than asked, and passes errors on', async () => {
    const asked: number[] = [];
    const get = async (index: number) => {
      asked.push(index);
      if (index === 4) throw new Error('damaged');
      return index;
    };
    const loader = new DataLoader({ length: 6, get }, { prefetch: 1, collateFn: (samples) => samples });
    const seen: number[][] = [];
    const attempt = (async () => {
      for await (const batch of loader) {
        if (seen.length === 0) expect(asked).toEqual([0, 1]);
        seen.push(batch);
      }
    })();
    await expect(attempt).rejects.toThrow('damaged');
    expect(seen).toEqual([[0], [1], [2], [3]]);
  });

  it('says what it expected', () => {
    expect([
      message(() => new DataLoader(numbers, { batchSize: 0 })),
      message(() => new DataLoader(numbers, { prefetch: 0.5 })),
    ]).toMatchInlineSnapshot(`
      [
        "RangeError: Expected an integer of at least 1 for DataLoader batchSize, got 0",
        "RangeError: Expected an integer of at least 0 for DataLoader prefetch, got 0.5",
      ]
    `);
  });
});
