import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import * as reid from '../../../lib/reid/index.ts';

const [HEIGHT, WIDTH] = [48, 24];
const BAND = 16;
export const PATTERN = '{id}_c{camera}_{}';

/** A generator of numbers from 0 to 1 (mulberry32). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Colours of three bands tell who it is; each camera has a colour cast of its own, as strong as what the bands differ by. */
async function draw(path: string, id: number, camera: number, random: () => number): Promise<void> {
  const colours = numbers(1000 + id);
  const bands = Array.from({ length: (HEIGHT / BAND) * 3 }, () => (colours() < 0.5 ? 0 : 60));
  const cast = camera === 1 ? [130, 60, 40] : [50, 70, 120];
  const shift = [random() * 40 - 20, random() * 40 - 20, random() * 40 - 20];
  const pixels = Buffer.alloc(HEIGHT * WIDTH * 3);
  for (let y = 0; y < HEIGHT; y++)
    for (let x = 0; x < WIDTH; x++)
      for (let c = 0; c < 3; c++) {
        const band = bands[Math.floor(y / BAND) * 3 + c] as number;
        const value = (cast[c] as number) + (shift[c] as number) + band + random() * 20;
        pixels[(y * WIDTH + x) * 3 + c] = Math.max(0, Math.min(255, value));
      }
  await sharp(pixels, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } })
    .png()
    .toFile(path);
}

/** A small data set: `train`, and `query` and `gallery` of other identities. */
export async function makeTree(root: string, train = 16, test = 8, perCamera = 3): Promise<reid.ReidData> {
  const random = numbers(7);
  for (const part of ['train', 'query', 'gallery']) mkdirSync(join(root, part), { recursive: true });
  const drawings: Promise<void>[] = [];
  for (let id = 1; id <= train + test; id++)
    for (const camera of [1, 2])
      for (let i = 0; i < perCamera; i++) {
        const part = id <= train ? 'train' : camera === 1 && i === 0 ? 'query' : 'gallery';
        const name = `${String(id).padStart(3, '0')}_c${camera}_${i}.png`;
        drawings.push(draw(join(root, part, name), id, camera, random));
      }
  await Promise.all(drawings);
  return reid.loadData('folder', root, {
    pattern: PATTERN,
    train: 'train',
    query: 'query',
    gallery: 'gallery',
  });
}
