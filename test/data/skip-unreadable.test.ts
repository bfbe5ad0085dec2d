import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { DataLoader, datasets, type Tensor, transforms } from '../../lib/index.ts';
import { tmp } from '../helpers/index.ts';
import { fixture } from './helpers.ts';

const photo = fixture('images/modes/422.jpg');
const transform = new transforms.Compose([new transforms.Resize([8, 8]), new transforms.ToTensor()]);

let root: string;

/** Two classes of three images each; the second of each class is cut off. */
beforeEach(() => {
  root = tmp();
  for (const label of ['ant', 'bee']) {
    mkdirSync(join(root, label));
    for (const name of ['a', 'c']) copyFileSync(photo, join(root, label, `${name}.jpg`));
    const bytes = readFileSync(photo);
    writeFileSync(join(root, label, 'b.jpg'), bytes.subarray(0, bytes.length / 2));
  }
});

type Batch = [images: Tensor, labels: Tensor];

async function labelsOf(loader: AsyncIterable<Batch>): Promise<number[][]> {
  const batches: number[][] = [];
  for await (const [images, labels] of loader) {
    expect(images.shape[0]).toBe(labels.shape[0]);
    batches.push((labels.toArray() as (number | bigint)[]).map(Number));
  }
  return batches;
}

const loaderOf = (options: object) =>
  new DataLoader(new datasets.ImageFolder(root, { transform }), options) as unknown as DataLoader<
    never,
    Batch
  >;

function warnings(): string[] {
  const seen: string[] = [];
  const spy = vi.spyOn(process, 'emitWarning').mockImplementation((warning, options) => {
    seen.push(`${(options as { code: string }).code}: ${warning}`);
  });
  onTestFinished(() => spy.mockRestore());
  return seen;
}

describe('a truncated image in a data set', () => {
  it('ends the epoch, unless it is to be skipped', async () => {
    await expect(labelsOf(loaderOf({ batchSize: 2 }))).rejects.toThrow(/b\.jpg: not a readable image/);
  });

  it.each([{ sequential: true }, { sequential: false }])('is left out and counted: %o', async (options) => {
    const seen = warnings();
    const loader = loaderOf({ batchSize: 2, skipUnreadable: true, ...options });
    expect(await labelsOf(loader)).toEqual([[0], [0, 1], [1]]);
    expect(loader.skipped.map(({ index }) => index).sort()).toEqual([1, 4]);
    expect(loader.skipped[0]?.error.code).toBe('ERR_IMAGE_DECODE');
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatch(
      /^IBN_DATA_SKIPPED: DataLoader left out 2 of 6 samples, .*b\.jpg: .*loader\.skipped$/,
    );
  });

  it('leaves out a batch of which nothing is left, and counts every epoch by itself', async () => {
    const seen = warnings();
    const loader = loaderOf({ batchSize: 1, skipUnreadable: true });
    for (let epoch = 0; epoch < 2; epoch++) {
      expect(await labelsOf(loader)).toEqual([[0], [0], [1], [1]]);
      expect(loader.skipped).toHaveLength(2);
    }
    expect(seen).toHaveLength(2);
  });

  it('is no reason to skip other errors', async () => {
    const dataset = { length: 2, get: () => Promise.reject(new RangeError('a bug')) };
    const loader = new DataLoader(dataset, { skipUnreadable: true });
    await expect(loader[Symbol.asyncIterator]().next()).rejects.toThrow('a bug');
  });
});
