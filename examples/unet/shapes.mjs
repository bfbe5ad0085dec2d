// Writes pictures of discs and bars and, for each, a mask: 0 around them, 1 on discs, 2 on bars.
//
//   node examples/unet/shapes.mjs FOLDER
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { tensor, writePng } from 'ibn-net';

const WARM = [150, 90, 60];
const COLD = [60, 90, 150];

/** Numbers from 0 to 1, by a generator of Lehmer's. */
function randomNumbers(seed) {
  let state = seed + 1;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}

/** A disc and a bar on noise: three bytes for each pixel, and one of the mask. */
function drawScene(side, random) {
  const [disc, bar] = [WARM, COLD].map((colour) => ({
    x: side * (0.2 + 0.6 * random()),
    y: side * (0.2 + 0.6 * random()),
    size: side * (0.12 + 0.12 * random()),
    colour: colour.map((value) => value + 60 * random()),
  }));
  const pixels = new Uint8Array(3 * side * side);
  const mask = new Uint8Array(side * side);
  for (let i = 0; i < mask.length; i++) {
    const [x, y] = [i % side, Math.floor(i / side)];
    const isOnBar = Math.abs(x - bar.x) < bar.size / 2 && Math.abs(y - bar.y) < 2 * bar.size;
    const isOnDisc = Math.hypot(x - disc.x, y - disc.y) < disc.size;
    mask[i] = isOnBar ? 2 : isOnDisc ? 1 : 0;
    const colour = [[0, 0, 0], disc.colour, bar.colour][mask[i]];
    for (let c = 0; c < 3; c++) pixels[3 * i + c] = Math.min(255, colour[c] + 70 * random());
  }
  return { pixels, mask };
}

/** Fills `folder/images` and `folder/masks`; returns the folder. */
export async function writeShapes(folder, { count = 200, side = 96, seed = 0 } = {}) {
  const random = randomNumbers(seed);
  for (const part of ['images', 'masks']) mkdirSync(join(folder, part), { recursive: true });
  for (let i = 0; i < count; i++) {
    const { pixels, mask } = drawScene(side, random);
    const name = `${String(i).padStart(4, '0')}.png`;
    await writePng(tensor(pixels).view([side, side, 3]).permute([2, 0, 1]), join(folder, 'images', name));
    await writePng(tensor(mask).view([1, side, side]), join(folder, 'masks', name));
  }
  return folder;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [folder, count, side] = process.argv.slice(2);
  if (folder === undefined) throw new TypeError('Expected a folder, got none');
  await writeShapes(folder, { ...(count && { count: Number(count) }), ...(side && { side: Number(side) }) });
}
