import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodeImage, encodePng, writePng } from '../../lib/data/index.ts';
import { arange, ones, randint, type Tensor } from '../../lib/tensor/index.ts';
import { tmp } from '../helpers/index.ts';
import { fixture } from './helpers.ts';
import { noPillow, python } from './python-pillow.ts';

const colours = () => randint(0, 256, [3, 5, 7], { dtype: 'uint8' });
const gray = () => randint(0, 256, [1, 5, 7], { dtype: 'uint8' });

describe('writePng', () => {
  it.each([
    ['colours', colours],
    ['gray', gray],
    ['a view with other strides', () => colours().flip([2]).transpose(1, 2)],
    ['one pixel', () => ones([1, 1, 1], { dtype: 'uint8' })],
  ])('writes what decodeImage reads: %s', async (_, make) => {
    const image = make();
    const path = join(tmp(), 'image.png');
    await writePng(image, path);
    const read = await decodeImage(path);
    expect(read.equal(image.expandAs(read))).toBe(true);
  });

  it('keeps the pixels of a photo, and says gray where there is one channel', async () => {
    const photo = await decodeImage(fixture('images/flower.jpg'));
    expect((await decodeImage(await encodePng(photo))).equal(photo)).toBe(true);
    const labels = arange(6, { dtype: 'uint8' }).view([1, 2, 3]);
    const { channels, space } = await sharp(await encodePng(labels)).metadata();
    expect({ channels, space }).toEqual({ channels: 1, space: 'b-w' });
  });

  it.skipIf(noPillow)('writes labels that Pillow reads as they are', async () => {
    const path = join(tmp(), 'labels.png');
    await writePng(arange(6, { dtype: 'uint8' }).view([1, 2, 3]), path);
    const program =
      'import sys; from PIL import Image; i = Image.open(sys.argv[1]); print(i.mode, list(i.getdata()))';
    expect(python('-c', program, path).trim()).toBe('L [0, 1, 2, 3, 4, 5]');
  });

  it('takes file URLs, and writes less with more effort', async () => {
    const path = join(tmp(), 'with space.png');
    const flat = ones([3, 64, 64], { dtype: 'uint8' });
    await writePng(flat, pathToFileURL(path), { compressionLevel: 0 });
    const large = readFileSync(path).length;
    await writePng(flat, path, { compressionLevel: 9 });
    expect(readFileSync(path).length).toBeLessThan(large / 4);
  });

  it('says what it expects, and leaves the file that was there', async () => {
    const path = join(tmp(), 'old.png');
    writeFileSync(path, 'old');
    const refused = (image: Tensor, options = {}) =>
      writePng(image, path, options).then(
        () => 'written',
        (error: Error) => `${error.name}: ${error.message}`,
      );
    expect([
      await refused(ones([3, 4, 4])),
      await refused(ones([4, 4], { dtype: 'uint8' })),
      await refused(ones([4, 4, 4], { dtype: 'uint8' })),
      await refused([1] as unknown as Tensor),
      await refused(gray(), { compressionLevel: 10 }),
      await refused(gray(), { level: 1 }),
    ]).toMatchInlineSnapshot(`
      [
        "RangeError: Expected a uint8 tensor (1, H, W) or (3, H, W) for writePng image, got float32 [3, 4, 4]",
        "RangeError: Expected a uint8 tensor (1, H, W) or (3, H, W) for writePng image, got uint8 [4, 4]",
        "RangeError: Expected a uint8 tensor (1, H, W) or (3, H, W) for writePng image, got uint8 [4, 4, 4]",
        "TypeError: Expected a Tensor for writePng image, got an array",
        "RangeError: Expected 0 to 9 for writePng compressionLevel, got 10",
        "RangeError: Expected a known option for writePng, got "level"; known options: compressionLevel",
      ]
    `);
    expect(readFileSync(path, 'utf8')).toBe('old');
    const missing = join(tmp(), 'missing/new.png');
    await expect(writePng(gray(), missing)).rejects.toThrow('ENOENT');
    expect(existsSync(missing)).toBe(false);
  });
});
