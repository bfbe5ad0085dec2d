import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';

/** What the generated scenes have: ground, discs, boxes, triangles. */
export const SHAPES = ['ground', 'disc', 'box', 'triangle'];

const COLOURS = ['#b9c4a0', '#d04030', '#3050c0', '#e0b020'];

/** Numbers from 0 to 1 that depend on the seed alone. */
function numbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function drawn(kind: number, draw: () => number, size: number, fill: string): string {
  const [x, y, r] = [draw() * size, draw() * size, size * (0.14 + 0.14 * draw())];
  if (kind === 1) return `<circle cx="${x}" cy="${y}" r="${r}" fill="${fill}"/>`;
  if (kind === 2)
    return `<rect x="${x - r}" y="${y - r}" width="${2 * r}" height="${1.6 * r}" fill="${fill}"/>`;
  return `<path d="M${x} ${y - r} L${x + r} ${y + r} L${x - r} ${y + r} Z" fill="${fill}"/>`;
}

function scene(seed: number, size: number, fills: readonly string[]): Buffer {
  const draw = numbers(seed);
  const shapes = Array.from({ length: 6 }, () => {
    const kind = 1 + Math.floor(draw() * 3);
    return drawn(kind, draw, size, fills[kind] as string);
  });
  const ground = `<rect width="${size}" height="${size}" fill="${fills[0]}"/>`;
  return Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" width="${size}" height="${size}" shape-rendering="crispEdges">${ground}${shapes.join('')}</svg>`,
  );
}

/** Writes scenes of shapes with exact masks: `images/SPLIT`, `masks/SPLIT` and `classes.txt`. */
export async function writeScenes(
  root: string,
  counts: Readonly<Record<string, number>>,
  size = 64,
): Promise<void> {
  const grays = SHAPES.map((_, label) => `rgb(${label},${label},${label})`);
  let seed = 1;
  for (const [split, count] of Object.entries(counts)) {
    for (const kind of ['images', 'masks']) mkdirSync(join(root, kind, split), { recursive: true });
    for (let i = 0; i < count; i++, seed++) {
      const file = (kind: string) => join(root, kind, split, `${String(i).padStart(3, '0')}.png`);
      await sharp(scene(seed, size, COLOURS))
        .removeAlpha()
        .png()
        .toFile(file('images'));
      const mask = sharp(scene(seed, size, grays))
        .removeAlpha()
        .extractChannel(0)
        .toColourspace('b-w');
      await mask.png().toFile(file('masks'));
    }
  }
  writeFileSync(join(root, 'classes.txt'), `${SHAPES.join('\n')}\n`);
}
