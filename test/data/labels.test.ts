import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeLabels, encodePng } from '../../lib/data/index.ts';
import { tensor } from '../../lib/tensor/index.ts';
import { fixture, root } from '../helpers/files.ts';

const folder = join(root, 'test/fixtures/segment/masks');
const expected = fixture<Record<string, { shape: number[]; sha256: string }>>('segment/masks/expected.json');

describe('labels of masks', () => {
  it.each(Object.keys(expected))("are numpy's of Pillow's image: %s", async (name) => {
    const labels = await decodeLabels(join(folder, `${name}.png`));
    expect(labels.shape).toEqual(expected[name]?.shape);
    expect(
      createHash('sha256')
        .update(labels.data() as Uint8Array)
        .digest('hex'),
    ).toBe(expected[name]?.sha256);
  });

  it('come back from what encodePng writes', async () => {
    const labels = tensor(
      [
        [
          [0, 18, 255],
          [3, 4, 5],
        ],
      ],
      { dtype: 'uint8' },
    );
    expect((await decodeLabels(await encodePng(labels))).toArray()).toEqual([
      [0, 18, 255],
      [3, 4, 5],
    ]);
  });

  const whole = readFileSync(join(folder, 'palette8.png'));
  const damaged = Buffer.from(whole);
  damaged[whole.length - 40] = (damaged[whole.length - 40] as number) ^ 1;
  it.each([
    ['colours', readFileSync(join(folder, 'colours.png'))],
    ['16 bits', readFileSync(join(folder, 'gray16.png'))],
    ['JPEG', Buffer.from([0xff, 0xd8, 0xff, 0xe0])],
    ['a cut file', whole.subarray(0, 300)],
    ['a changed byte', damaged],
    ['nothing', Buffer.alloc(0)],
  ])('are refused of %s', async (_, bytes) => {
    await expect(decodeLabels(bytes, { name: 'mask.png' })).rejects.toThrowErrorMatchingSnapshot();
  });

  it('are not read of more pixels than allowed', async () => {
    await expect(decodeLabels(whole, { maxPixels: 100 })).rejects.toThrow(/61x37 pixels are more than 100/);
  });

  it('survive no damage in silence', async () => {
    for (let at = 8; at < whole.length; at += 7) {
      const bytes = Buffer.from(whole);
      bytes[at] = (bytes[at] as number) ^ 0x40;
      await expect(decodeLabels(bytes)).rejects.toThrow(/no readable labels/);
    }
  });
});
