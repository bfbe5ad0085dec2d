import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { save } from '../../lib/checkpoint/index.ts';
import * as models from '../../lib/models/index.ts';
import { manualSeed } from '../../lib/tensor/index.ts';

/** Streams that keep what is written. */
export function streams() {
  const written = { out: '', err: '' };
  return {
    written,
    stdout: { write: (text: string) => (written.out += text) },
    stderr: { write: (text: string | Uint8Array) => (written.err += text), isTTY: false } as never,
  };
}

/** A target of two classes of one colour each. */
export async function colours(root: string): Promise<void> {
  for (const [split, count] of Object.entries({ train: 20, val: 5 }))
    for (const [label, name] of ['blue', 'red'].entries())
      for (let i = 0; i < count; i++) {
        const path = join(root, split, name, `${i}.png`);
        mkdirSync(join(path, '..'), { recursive: true });
        const shade = 8 * i;
        const background = label === 0 ? { r: shade, g: shade, b: 250 } : { r: 250, g: shade, b: shade };
        await sharp({ create: { width: 24, height: 24, channels: 3, background } })
          .png()
          .toFile(path);
      }
}

/** A small network, and what its file says of it. */
export function writeClassifier(path: string, seed: number, { numClasses = 2, ...said }: Said = {}): void {
  manualSeed(seed);
  const options = { widths: [4, 4, 4, 4], stem: 'small' } as const;
  const model = models.resnet18_ibn_a({ ...options, numClasses });
  const input = { resize: 24, crop: 16, ...said.input };
  const args = { options: { ...options, widths: [...options.widths] }, input };
  const classes = said.isNamed === false ? {} : { classes: ['blue', 'red'] };
  save({ arch: 'resnet18_ibn_a', args, ...classes, state_dict: model.stateDict() }, path);
}

interface Said {
  numClasses?: number;
  isNamed?: boolean;
  input?: Record<string, unknown>;
}

/** Of runs that are short. */
export const COMMON = { device: 'cpu', workers: 0, epochs: 2, batchSize: 8, lr: 0.05, json: true };
