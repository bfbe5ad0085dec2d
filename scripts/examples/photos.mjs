// Writes small pictures of discs and of bars, in folders for examples/fine-tuning, and initial weights of resnet18_ibn_a.
//
//   node scripts/examples/photos.mjs FOLDER
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { manualSeed, models, save } from 'ibn-net';
import sharp from 'sharp';

const SIDE = 40;
const COUNTS = { train: 12, val: 6 };
const folder = process.argv[2];
if (folder === undefined) throw new TypeError('Expected a folder, got none');

let state = 1; // of a generator of Lehmer's
const random = () => {
  state = (state * 48271) % 2147483647;
  return state / 2147483647;
};

const SHAPES = {
  bar: ([x, y], [cx], size) => Math.abs(x - cx) < size / 4 && y > 2 && y < SIDE - 3,
  disc: ([x, y], [cx, cy], size) => Math.hypot(x - cx, y - cy) < size,
};

function draw(isInside) {
  const colour = [0, 0, 0].map(() => 100 + 155 * random());
  const centre = [0, 0].map(() => 12 + 16 * random());
  const size = 7 + 5 * random();
  return Uint8Array.from({ length: 3 * SIDE * SIDE }, (_, i) => {
    const pixel = Math.floor(i / 3);
    const at = [pixel % SIDE, Math.floor(pixel / SIDE)];
    return isInside(at, centre, size) ? colour[i % 3] : 60 * random();
  });
}

for (const [half, count] of Object.entries(COUNTS)) {
  for (const [name, isInside] of Object.entries(SHAPES)) {
    mkdirSync(join(folder, half, name), { recursive: true });
    for (let i = 0; i < count; i++) {
      const pixels = sharp(draw(isInside), { raw: { width: SIDE, height: SIDE, channels: 3 } });
      await pixels.png().toFile(join(folder, half, name, `${i}.png`));
    }
  }
}
manualSeed(0);
save(models.resnet18_ibn_a().stateDict(), join(folder, 'weights.pth'));
