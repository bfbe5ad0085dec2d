import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import { readsImages } from '../../lib/data/pipeline/image-reader.ts';
import {
  ConcatDataset,
  DataLoader,
  type DataLoaderOptions,
  datasets,
  decodeImage,
  manualSeed,
  memoryStats,
  rand,
  Subset,
  type Tensor,
  transforms,
} from '../../lib/index.ts';
import { tmp } from '../helpers/index.ts';
import { fixture } from './helpers.ts';

type Batch = [images: Tensor, labels: Tensor];
type Folder = datasets.ImageFolder;

let root: string;

/** The photos of the tests and every JPEG of the nasty images, in two classes. */
beforeEach(() => {
  root = tmp();
  for (const label of ['fair', 'nasty']) mkdirSync(join(root, label));
  for (const name of readdirSync(fixture('images'))) {
    if (/\.(jpg|png)$/.test(name)) copyFileSync(fixture(`images/${name}`), join(root, 'fair', name));
  }
  const nasty = JSON.parse(gunzipSync(readFileSync(fixture('data/nasty-images.json.gz'))).toString());
  for (const [name, { data }] of Object.entries<{ data: string }>(nasty.files)) {
    if (/\.jpe?g$/.test(name)) writeFileSync(join(root, 'nasty', name), Buffer.from(data, 'base64'));
  }
});

/** The same samples, each from `get`: by decodeImage and the transforms' operations. */
const byOperations = (folder: Folder) => ({
  length: folder.length,
  get: (index: number) => folder.get(index),
});

async function valuesOf(
  dataset: Folder | ReturnType<typeof byOperations>,
  options: DataLoaderOptions<[Tensor, number], Batch>,
): Promise<{ batches: Batch[]; skipped: number[]; after: unknown }> {
  manualSeed(7);
  const loader = new DataLoader<[Tensor, number], Batch>(dataset, { skipUnreadable: true, ...options });
  const batches: Batch[] = [];
  for await (const batch of loader) batches.push(batch);
  return { batches, skipped: loader.skipped.map(({ index }) => index).sort(), after: rand([]).item() };
}

const finish = [
  new transforms.ToTensor(),
  new transforms.Normalize(transforms.IMAGENET_MEAN, transforms.IMAGENET_STD),
];
const TRANSFORMS: Record<string, transforms.Transform> = {
  'imagenetTrain()': transforms.imagenetTrain({ crop: 64 }),
  'imagenetEval()': transforms.imagenetEval({ resize: 72, crop: 64 }),
  'uint8 crops': new transforms.Compose([
    new transforms.RandomResizedCrop([40, 56]),
    new transforms.RandomVerticalFlip(),
  ]),
  'a middle larger than the image': new transforms.Compose([
    new transforms.RandomHorizontalFlip(1),
    new transforms.CenterCrop([301, 299]),
    new transforms.ToTensor(),
  ]),
  'flips before a resize': new transforms.Compose([
    new transforms.RandomHorizontalFlip(1),
    new transforms.RandomVerticalFlip(1),
    new transforms.Resize([33, 47], { interpolation: 'bicubic' }),
    new transforms.RandomCrop([20, 30]),
    new transforms.ToDtype('float32', { scale: true }),
  ]),
  'more behind it': new transforms.Compose([
    new transforms.RandomResizedCrop(48),
    new transforms.ColorJitter({ brightness: 0.4, hue: 0.1 }),
    ...finish,
    new transforms.RandomErasing({ p: 0.9 }),
  ]),
  'what native code does not do': new transforms.Compose([
    new transforms.Resize([30, 30], { interpolation: 'nearest' }),
    ...finish,
  ]),
};

describe.each([{ numWorkers: 2 }, { numWorkers: 0 }])('images prepared with %o', (options) => {
  it.each(Object.entries(TRANSFORMS))('are to the last bit those of operations: %s', async (_, transform) => {
    const folder = new datasets.ImageFolder(root, { transform });
    const fast = await valuesOf(folder, { batchSize: 5, ...options });
    const slow = await valuesOf(byOperations(folder), { batchSize: 5, ...options });
    expect(fast.skipped).toEqual(slow.skipped);
    expect(fast.batches.length).toBe(slow.batches.length);
    for (const [i, [images, labels]] of fast.batches.entries()) {
      const [expected, numbers] = slow.batches[i] as Batch;
      expect(images.dtype).toBe(expected.dtype);
      expect(images.equal(expected)).toBe(true);
      expect(labels.equal(numbers)).toBe(true);
    }
  });
});

describe('a DataLoader of images', () => {
  const hasLibrary = existsSync('/usr/include/jpeglib.h');
  it.skipIf(!hasLibrary)('prepares them natively where libjpeg-dev is installed', () => {
    expect(readsImages()).toBe(true);
  });

  it('gives the same whatever the number of threads, the batch size and what was read ahead', async () => {
    const folder = new datasets.ImageFolder(root, {
      transform: TRANSFORMS['imagenetTrain()'] as transforms.Transform,
    });
    const rows = async (options: object) =>
      (await valuesOf(folder, { shuffle: true, ...options })).batches.flatMap(([images, labels]) => {
        labels.dispose();
        return images.unbind(0);
      });
    const one = await rows({ batchSize: 3, numWorkers: 1 });
    for (const options of [
      { batchSize: 3, numWorkers: 3 },
      { batchSize: 8, prefetch: 0 },
      { batchSize: 1, numWorkers: 2, prefetchFactor: 5 },
    ]) {
      const other = await rows(options);
      expect(other.length).toBe(one.length);
      expect(other.every((row, i) => row.equal(one[i] as Tensor))).toBe(true);
    }
  });

  it('reads those of subsets and joined data sets, whose transforms may differ', async () => {
    const [train, val] = ['imagenetTrain()', 'imagenetEval()'].map(
      (name) => new datasets.ImageFolder(join(root), { transform: TRANSFORMS[name] as transforms.Transform }),
    ) as [Folder, Folder];
    const joined = new ConcatDataset([new Subset(train, [0, 1, 2]), new Subset(val, [2, 1])]);
    expect(joined.imageRecord(4)?.source).toBe(val.samples[1]?.[0]);
    const batches: Batch[] = [];
    for await (const batch of new DataLoader<[Tensor, number], Batch>(joined, {
      batchSize: 5,
      numWorkers: 1,
    })) {
      batches.push(batch);
    }
    expect(batches.map(([images]) => images.shape)).toEqual([[5, 3, 64, 64]]);
    const [, , , third] = (batches[0] as Batch)[0].unbind(0) as Tensor[];
    const whole = await decodeImage(val.samples[2]?.[0] as string);
    expect(third?.equal((TRANSFORMS['imagenetEval()'] as transforms.Transform).forward(whole))).toBe(true);
  });

  it('takes records of a data set of your own: bytes, and parts of files', async () => {
    const path = fixture('images/china.jpg');
    const bytes = readFileSync(path);
    const packed = join(tmp(), 'packed.bin');
    writeFileSync(packed, Buffer.concat([Buffer.alloc(100), bytes, Buffer.alloc(50)]));
    const sources = [bytes, { path: packed, offset: 100, length: bytes.length }, path];
    const sample = (image: Tensor) => ({ image, kind: 'jpeg' });
    const dataset = {
      length: 3,
      get: async (index: number) => sample(await decodeImage(index < 0 ? path : bytes)),
      imageRecord: (index: number) => ({ source: sources[index] as string, transform: undefined, sample }),
    };
    for await (const { image, kind } of new DataLoader(dataset, { batchSize: 3 })) {
      expect(kind).toEqual(['jpeg', 'jpeg', 'jpeg']);
      const whole = await decodeImage(path);
      expect(image.unbind(0).every((each) => each.equal(whole))).toBe(true);
    }
  });

  it('names an image that cannot be read', async () => {
    const folder = new datasets.ImageFolder(root, {
      transform: TRANSFORMS['imagenetEval()'] as transforms.Transform,
    });
    const loader = new DataLoader<[Tensor, number], Batch>(folder, { batchSize: 4, numWorkers: 2 });
    await expect(async () => {
      for await (const [images] of loader) images.dispose();
    }).rejects.toThrow(/nasty.*(not a readable image|is not read)/);
  });

  it('leaves no tensor behind, also when it is left early', async () => {
    const folder = new datasets.ImageFolder(root, {
      transform: TRANSFORMS['imagenetTrain()'] as transforms.Transform,
    });
    const fair = new Subset(folder, [0, 1, 2, 3, 4, 5]);
    const run = async () => {
      for await (const [images, labels] of new DataLoader<[Tensor, number], Batch>(fair, {
        batchSize: 2,
        prefetch: 0,
      })) {
        images.dispose();
        labels.dispose();
      }
    };
    await run();
    const before = memoryStats().tensors;
    await run();
    expect(memoryStats().tensors).toBeLessThanOrEqual(before + 2); // states of generators
    for await (const _ of new DataLoader<[Tensor, number], Batch>(fair, { batchSize: 2, numWorkers: 2 }))
      break;
  });
});
