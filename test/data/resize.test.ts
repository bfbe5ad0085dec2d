import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type Tensor, tensor, transforms } from '../../lib/index.ts';
import { fixtureJson } from './helpers.ts';

type Case = [channels: number, height: number, width: number, toHeight: number, toWidth: number, ...string[]];

/** The image of scripts/fixtures/resize.py, pixel by pixel. */
function pixels([channels, height, width]: Case, seed: number, isHarsh: boolean): Tensor {
  const bytes = Uint8Array.from({ length: height * width * channels }, (_, i) => {
    const mixed = (Math.imul(i, 2654435761) + seed * 40503) >>> 0;
    const value = Math.imul(mixed ^ (mixed >>> 15), 2246822519) >>> 24;
    return isHarsh ? (value < 128 ? 0 : 255) : value;
  });
  return tensor(bytes, { dtype: 'uint8' }).view([height, width, channels]).permute([2, 0, 1]);
}

function digest(image: Tensor): string {
  const bytes = image.permute([1, 2, 0]).contiguous().view([-1]).toArray() as number[];
  return createHash('sha256').update(Uint8Array.from(bytes)).digest('hex');
}

describe('Resize of uint8', () => {
  it.each(fixtureJson<Case[]>('resize.json').map((item, seed) => [seed, item] as const))(
    'gives the bytes of Pillow: case %i, %j',
    (seed, item) => {
      const [, , , height, width, interpolation, expected] = item;
      const image = pixels(item, seed, seed % 4 === 1);
      const options = { interpolation: interpolation as transforms.Interpolation };
      for (const layout of [image, image.contiguous(), image.transpose(1, 2).contiguous().transpose(1, 2)]) {
        expect(digest(transforms.functional.resize(layout, [height, width], options))).toBe(expected);
      }
    },
  );

  it('takes any number of channels, batches and views', () => {
    const wide = tensor(
      Array.from({ length: 2 * 7 * 9 * 11 }, (_, i) => (i * 37) % 256),
      { dtype: 'uint8' },
    ).view([2, 7, 9, 11]);
    const view = wide.narrow(2, 1, 7).narrow(3, 2, 6);
    const found = transforms.functional.resize(view, [5, 8]);
    expect(found.shape).toEqual([2, 7, 5, 8]);
    for (let item = 0; item < 2; item++) {
      for (let channel = 0; channel < 7; channel++) {
        const plane = view.index(item, channel).unsqueeze(0).contiguous();
        const alone = transforms.functional.resize(plane, [5, 8]).index(0);
        expect(found.index(item, channel).equal(alone)).toBe(true);
      }
    }
  });
});
