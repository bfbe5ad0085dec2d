import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { writePng } from '../../../lib/data/index.ts';
import { full, manualSeed, randint, type Tensor } from '../../../lib/tensor/index.ts';

/** Writes an image of noise, and a mask whose pixels all have one label, or those given. */
export async function writePair(
  image: string,
  mask: string,
  label: number | Tensor,
  size: readonly [number, number] = [12, 20],
): Promise<void> {
  manualSeed(1);
  for (const path of [image, mask]) mkdirSync(dirname(path), { recursive: true });
  await writePng(randint(0, 256, [3, ...size], { dtype: 'uint8' }), image);
  const labels = typeof label === 'number' ? full([1, ...size], label, { dtype: 'uint8' }) : label;
  await writePng(labels, mask);
}

/** Cityscapes in small: a frame for each label id, in two cities. */
export async function cityscapesTree(
  root: string,
  split: string,
  labelIds: readonly number[],
): Promise<void> {
  for (const [i, id] of labelIds.entries()) {
    const city = i % 2 === 0 ? 'aachen' : 'bonn';
    const frame = `${city}_${String(i).padStart(6, '0')}_000019`;
    await writePair(
      join(root, 'leftImg8bit', split, city, `${frame}_leftImg8bit.png`),
      join(root, 'gtFine', split, city, `${frame}_gtFine_labelIds.png`),
      id,
    );
  }
}

/** GTA5 in small: these numbers. */
export async function gta5Tree(root: string, numbers: readonly number[], label = 7): Promise<void> {
  for (const number of numbers) {
    const name = `${String(number).padStart(5, '0')}.png`;
    await writePair(join(root, 'images', name), join(root, 'labels', name), label);
  }
}
