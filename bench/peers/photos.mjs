import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decodeImage, stack, transforms } from '../../dist/index.js';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const folder = join(root, 'test/fixtures/images');

/** The photos of the tests, prepared as ImageNet's: whole and, with `views`, also crops of their corners. */
export async function photos({ views = false } = {}) {
  const { Compose, Resize, CenterCrop, ToTensor, Normalize, IMAGENET_MEAN, IMAGENET_STD } = transforms;
  const finish = [new ToTensor(), new Normalize(IMAGENET_MEAN, IMAGENET_STD)];
  const sizes = views ? [224, 256, 320, 400] : [256];
  const prepared = [];
  for (const file of readdirSync(folder).filter((name) => /\.(jpg|png)$/.test(name))) {
    const image = await decodeImage(join(folder, file));
    for (const size of sizes) {
      const tensor = new Compose([new Resize(size), new CenterCrop(224), ...finish]).forward(image);
      prepared.push(tensor, ...(views ? [tensor.flip([2])] : []));
    }
  }
  return stack(prepared);
}
