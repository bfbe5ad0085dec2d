import { copyFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DataLoader } from '../../../lib/data/index.ts';
import { gta5Numbers, ROBUSTNET_LEFT_OUT } from '../../../lib/segment/data/gta5-split.ts';
import * as segment from '../../../lib/segment/index.ts';
import { full, manualSeed, tensor } from '../../../lib/tensor/index.ts';
import { tmp } from '../../helpers/files.ts';
import { cityscapesTree, gta5Tree, writePair } from './trees.ts';

const labelOf = async (data: segment.SegmentData, index: number) => {
  const [, mask] = await new segment.SegmentDataset(data).get(index);
  return Number(mask.max().item());
};

describe('Cityscapes', () => {
  it('has the 19 classes that count, and 255 for the others', async () => {
    const root = tmp();
    await cityscapesTree(root, 'val', [7, 33, 0, 34, 9, 26]);
    const data = segment.loadData('cityscapes', root);
    expect(data.pairs.map(({ image }) => image.slice(-35))).toMatchInlineSnapshot(`
      [
        "achen_000000_000019_leftImg8bit.png",
        "achen_000002_000019_leftImg8bit.png",
        "achen_000004_000019_leftImg8bit.png",
        "/bonn_000001_000019_leftImg8bit.png",
        "/bonn_000003_000019_leftImg8bit.png",
        "/bonn_000005_000019_leftImg8bit.png",
      ]
    `);
    const labels = await Promise.all(data.pairs.map((_, i) => labelOf(data, i)));
    expect(labels).toEqual([0, 255, 255, 18, 255, 13]);
    expect(data.classes[13]).toBe('car');
    expect(data.differences).toEqual(['val has 6 images in place of 500']);
  });

  it('tells images without masks, and folders that are missing', async () => {
    const root = tmp();
    await cityscapesTree(root, 'train', [7, 8, 11]);
    const data = segment.loadData('cityscapes', root, { split: 'train' });
    rmSync(data.pairs[1]?.mask as string);
    expect(() => segment.loadData('cityscapes', root, { split: 'train' })).toThrow(
      /Expected a mask .* for each image in .*gtFine\/train, got none for aachen/,
    );
    expect(() => segment.loadData('cityscapes', root)).toThrow(/got no leftImg8bit\/val, no gtFine\/val/);
  });
});

describe('GTA5', () => {
  it('has the official split', () => {
    const [train, val, test] = (['train', 'val', 'test'] as const).map(gta5Numbers) as [
      number[],
      number[],
      number[],
    ];
    expect([train.length, val.length, test.length]).toEqual([12403, 6382, 6181]);
    expect(new Set([...train, ...val, ...test]).size).toBe(24966);
    expect([train[0], val[0], test[0]]).toEqual([1, 22, 11]);
    expect(ROBUSTNET_LEFT_OUT.every((number) => train.includes(number))).toBe(true);
  });

  it('is read where some archives are missing, resized as the paper has it', async () => {
    const root = tmp();
    await gta5Tree(root, [1, 2, 22, 11], 21);
    const data = segment.loadData('gta5', root);
    expect(data.pairs.map(({ image }) => image.slice(-9))).toEqual(['00001.png', '00002.png']);
    expect(data.differences).toEqual(['train has 2 images in place of 12,403']);
    const [image, mask] = await new segment.SegmentDataset(data).get(0);
    expect([image.shape, mask.shape, mask.dtype]).toEqual([[3, 563, 1024], [563, 1024], 'int64']);
    expect(Number(mask.min().item())).toBe(8);
    const own = segment.loadData('gta5', root, { split: 'val', size: null });
    expect((await new segment.SegmentDataset(own).get(0))[0].shape).toEqual([3, 12, 20]);
  });

  it('tells images without masks', async () => {
    const root = tmp();
    await gta5Tree(root, [1, 2]);
    rmSync(join(root, 'labels/00002.png'));
    expect(() => segment.loadData('gta5', root)).toThrow(/got none for 00002.png/);
  });
});

describe('a folder of images and masks', () => {
  it('is read in both layouts, with endings of its own', async () => {
    const root = tmp();
    writeFileSync(join(root, 'classes.txt'), 'ground\nsky\n');
    await writePair(join(root, 'images/train/a.png'), join(root, 'masks/train/a_m.png'), 1);
    await writePair(join(root, 'val/images/b/c.png'), join(root, 'val/masks/b/c_m.png'), 255);
    const train = segment.loadData('folder', root, { split: 'train', suffix: '_m' });
    const val = segment.loadData('folder', root, { split: 'val', suffix: '_m' });
    expect([train.classes, train.colours.length]).toEqual([['ground', 'sky'], 2]);
    expect([await labelOf(train, 0), await labelOf(val, 0)]).toEqual([1, 255]);
  });

  it('tells what has no partner, or leaves it out and says how many', async () => {
    const root = tmp();
    await writePair(join(root, 'images/a.png'), join(root, 'masks/a.png'), 0);
    copyFileSync(join(root, 'images/a.png'), join(root, 'images/b.png'));
    const options = { classes: ['x'] };
    expect(() => segment.loadData('folder', root, options)).toThrow(/a mask for each image .* none for b/);
    copyFileSync(join(root, 'masks/a.png'), join(root, 'masks/c.png'));
    const { pairs, differences } = segment.loadData('folder', root, { ...options, partial: true });
    expect(pairs).toHaveLength(1);
    expect(differences).toEqual([
      'all is without 1 images that have no mask',
      'all is without 1 masks that have no image',
    ]);
  });

  it('tells masks of another size, and labels that no class has', async () => {
    const root = tmp();
    await writePair(
      join(root, 'images/a.png'),
      join(root, 'masks/a.png'),
      full([1, 12, 19], 0, { dtype: 'uint8' }),
    );
    await writePair(join(root, 'images/b.png'), join(root, 'masks/b.png'), 7);
    const images = new segment.SegmentDataset(segment.loadData('folder', root, { classes: ['x', 'y'] }));
    await expect(images.get(0)).rejects.toThrow(
      /a.png: Expected a mask of 20x12 pixels, .* got 19x12; leave the pair out/,
    );
    await expect(images.get(1)).rejects.toThrow(/b.png: Expected labels 0 to 1 and 255, got 7/);
    const loader = new DataLoader(images, { batchSize: 2, skipUnreadable: true });
    for await (const _ of loader) expect.fail('nothing is readable');
    expect(loader.skipped).toHaveLength(2);
  });
});

describe('transforms', () => {
  it('move image and mask alike', () => {
    manualSeed(4);
    const mask = tensor(
      Array.from({ length: 40 }, (_, y) =>
        Array.from({ length: 60 }, (_, x) => (x > 30 ? 2 : y > 20 ? 1 : 0)),
      ),
      { dtype: 'uint8' },
    );
    // The image shows the mask: after all steps it must still do so, but for pixels between two areas.
    const image = mask.mul(100).unsqueeze(0).expand([3, 40, 60]).contiguous();
    const transform = segment.trainTransform({ crop: [64, 48], jitter: 0 });
    for (let i = 0; i < 8; i++) {
      const made = transform.forward({ image, mask });
      expect([made.image.shape, made.mask?.shape]).toEqual([
        [3, 64, 48],
        [64, 48],
      ]);
      const shown = made.image.select(0, 0).mul(0.229).add(0.485).mul(2.55).round();
      const wanted = made.mask?.maskedFill(made.mask.eq(255), 0) as typeof mask;
      expect(shown.ne(wanted).to('float32').mean().item()).toBeLessThan(0.08);
    }
  });

  it('leave masks alone where they change colours', () => {
    const sample = {
      image: full([3, 32, 32], 90, { dtype: 'uint8' }),
      mask: full([32, 32], 3, { dtype: 'uint8' }),
    };
    const made = segment.trainTransform({ crop: 32, scale: [1, 1], jitter: 1, blur: true }).forward(sample);
    expect(made.mask?.eq(3).all().item()).toBe(true);
    expect(made.mask?.dtype).toBe('int64');
  });

  it('draw factors of all sizes between the bounds', () => {
    manualSeed(5);
    const image = full([3, 100, 200], 1, { dtype: 'uint8' });
    const scale = new segment.RandomScale([0.5, 2]);
    const sizes = Array.from({ length: 40 }, () => scale.forward(image).shape);
    expect(sizes.every(([, h = 0, w = 0]) => h >= 50 && h <= 200 && Math.abs(w - 2 * h) <= 2)).toBe(true);
    expect(Math.min(...sizes.map(([, h = 0]) => h))).toBeLessThan(70);
    expect(Math.max(...sizes.map(([, h = 0]) => h))).toBeGreaterThan(170);
  });
});

describe('bad input', () => {
  it.each([
    [() => segment.loadData('kitti' as never, '/nowhere')],
    [() => segment.loadData('cityscapes', '/nowhere', { split: 'valid' as never })],
    [() => segment.loadData('cityscapes', '/nowhere', { size: null } as never)],
    [() => segment.loadData('folder', '/nowhere', { classes: [] })],
    [() => segment.trainTransform({ crop: 0 })],
    [() => segment.trainTransform({ scale: [2, 1] })],
    [() => segment.trainTransform({ scale: 2 as never })],
  ])('is refused (%#)', (attempt) => {
    expect(attempt).toThrowErrorMatchingSnapshot();
  });
});
