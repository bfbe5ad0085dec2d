import { existsSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodeImage, load, manualSeed, models, save, type Tensor, tensor } from '../../lib/index.ts';
import { failureOf, runExample } from '../helpers/example.ts';
import { expectClose, fixture, root, tmp } from '../helpers/index.ts';

const images = join(root, 'assets/images');
const cam = (folder: string, ...args: string[]) =>
  runExample('grad-cam/cam.mjs', [...args, '--threads', '1'], folder);

interface Placed {
  readonly name: string;
  readonly left: number;
  readonly top: number;
}

/** Images of 28 x 28 on black. */
async function onBlack(file: string, side: number, placed: Placed[]): Promise<string> {
  const black = sharp({ create: { width: side, height: side, channels: 3, background: 'black' } });
  const parts = placed.map(({ name, left, top }) => ({ input: join(images, name), left, top }));
  await black.composite(parts).png().toFile(file);
  return file;
}

/** Row and column of the hottest place. */
const hottest = (output: string) =>
  /row (\d+), column (\d+)/.exec(output)?.slice(1, 3).map(Number) as [number, number];

describe('examples/grad-cam', () => {
  it('is hottest on the object of the class that is asked for', async () => {
    const folder = tmp();
    const bag = { name: '18-bag.png', left: 28, top: 0 };
    const sneaker = { name: '9-sneaker.png', left: 0, top: 28 };
    const image = await onBlack(join(folder, 'two.png'), 56, [bag, sneaker]);
    for (const [name, { left, top }] of [
      ['Bag', bag],
      ['Sneaker', sneaker],
    ] as const) {
      const output = await cam(folder, image, '--class', name);
      expect(output).toMatch(new RegExp(`^${name} .*\\n.*of 7 x 7 places`));
      const [row, column] = hottest(output);
      expect([row > 3, column > 3]).toEqual([top > 0, left > 0]);
    }
    const { shape } = await decodeImage(join(folder, 'cam.png'));
    expect(shape).toEqual([3, 56, 56]);
  });

  it('gives the heat that Python gives for a network of torchvision', async () => {
    const folder = tmp();
    const { target, heat } = fixture<{ target: number; heat: number[][] }>('examples/grad-cam.json');
    manualSeed(0);
    save(models.resnet18().stateDict(), join(folder, 'resnet18.pth'));
    const named = ['--model', 'resnet18', '--checkpoint', 'resnet18.pth', '--heat', 'heat.pth'];
    const output = await cam(folder, join(images, '18-bag.png'), ...named);
    expect(output).toMatch(new RegExp(`^${target} `));
    expectClose(load<Tensor>(join(folder, 'heat.pth')), tensor(heat), { rtol: 0, atol: 1e-4 });
  });

  it('refuses what it does not know', async () => {
    const folder = tmp();
    const image = join(images, '18-bag.png');
    const failures = [
      ['--clas', 'Bag'],
      ['--class', 'Hat'],
    ].map((args) => failureOf('grad-cam/cam.mjs', [image, ...args], folder));
    const [option, name] = await Promise.all(failures);
    expect(option).toContain("Unknown option '--clas'");
    expect(name).toBe('Expected one of 10 classes for --class, got Hat');
    expect(existsSync(join(folder, 'cam.png'))).toBe(false);
  });
});
