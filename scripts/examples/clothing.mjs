// Writes data like Fashion-MNIST, made of the ten images in assets: moved, mirrored, darker, with noise.
//
//   node scripts/examples/clothing.mjs FOLDER
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';

const COPIES = { train: 24, t10k: 8 };
const CLASSES = [
  'T-shirt/top',
  'Trouser',
  'Pullover',
  'Dress',
  'Coat',
  'Sandal',
  'Shirt',
  'Sneaker',
  'Bag',
  'Ankle boot',
];
const folder = process.argv[2];
if (folder === undefined) throw new TypeError('Expected a folder, got none');
const assets = new URL('../../assets/images/', import.meta.url);
const names = JSON.parse(readFileSync(new URL('labels.json', assets), 'utf8'));
const files = CLASSES.map((name) => Object.keys(names).find((file) => names[file] === name));
const originals = await Promise.all(
  files.map((file) =>
    sharp(readFileSync(new URL(file, assets)))
      .extractChannel(0)
      .raw()
      .toBuffer(),
  ),
);

let state = 1; // of a generator of Lehmer's
const random = () => {
  state = (state * 48271) % 2147483647;
  return state / 2147483647;
};

function copyOf(original) {
  const [down, right, isMirrored, light] = [random(), random(), random() < 0.5, 0.6 + 0.4 * random()];
  const [dy, dx] = [down, right].map((share) => Math.floor(5 * share) - 2);
  return Uint8Array.from({ length: 784 }, (_, i) => {
    const [y, x] = [Math.floor(i / 28) - dy, (i % 28) - dx];
    const isInside = Math.min(x, y) >= 0 && Math.max(x, y) < 28;
    const value = isInside ? original[28 * y + (isMirrored ? 27 - x : x)] : 0;
    return Math.min(255, Math.floor(light * value + 20 * random()));
  });
}

function writeIdx(name, shape, bytes) {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.set([0, 0, 8, shape.length]);
  for (const [dim, side] of shape.entries()) header.writeUInt32BE(side, 4 + 4 * dim);
  writeFileSync(join(folder, name), Buffer.concat([header, bytes]));
}

mkdirSync(folder, { recursive: true });
for (const [prefix, copies] of Object.entries(COPIES)) {
  const labels = Uint8Array.from({ length: 10 * copies }, (_, i) => i % 10);
  const images = Array.from(labels, (label) => copyOf(originals[label]));
  writeIdx(`${prefix}-images-idx3-ubyte`, [labels.length, 28, 28], Buffer.concat(images));
  writeIdx(`${prefix}-labels-idx1-ubyte`, [labels.length], labels);
}
