import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runChild, tmp } from '../helpers/index.ts';

/** Twelve images of three classes, of many sizes, so that they take different times to read. */
function writeImages(root: string): void {
  for (const [label, name] of ['a', 'b', 'c'].entries()) {
    mkdirSync(join(root, name));
    for (let i = 0; i < 4; i++) {
      const [width, height] = [40 + 90 * ((i + label) % 4), 50 + 70 * i];
      const pixels = Buffer.alloc(3 * width * height);
      for (let at = 0; at < pixels.length; at++) pixels[at] = (at * (label + 3) + 31 * i) % 251;
      writeFileSync(
        join(root, name, `${i}.ppm`),
        Buffer.concat([Buffer.from(`P6 ${width} ${height} 255\n`), pixels]),
      );
    }
  }
}

/** Trains for an epoch and prints each batch's loss, a number drawn after it, and all weights' sum, to the last bit. */
const SCRIPT = `
const { DataLoader, datasets, manualSeed, models, nn, optim, rand, setNumThreads, transforms } = await import(dist + '/index.js');
const [root, seed, prefetch, busy] = JSON.parse(process.env.RUN);
setNumThreads(1);
manualSeed(seed);
const transform = new transforms.Compose([
  new transforms.RandomResizedCrop(32),
  new transforms.RandomHorizontalFlip(),
  new transforms.ToTensor(),
]);
const model = models.resnet18_ibn_a({ widths: [4, 4, 4, 4], numClasses: 3 });
const optimizer = new optim.SGD(model.parameters(), { lr: 0.05, momentum: 0.9 });
const loader = new DataLoader(new datasets.ImageFolder(root, { transform }), { batchSize: 5, shuffle: true, prefetch });
const criterion = new nn.CrossEntropyLoss();
const losses = [];
for await (const [images, labels] of loader) {
  optimizer.zeroGrad();
  const loss = criterion.forward(model.forward(images), labels);
  loss.backward();
  optimizer.step();
  losses.push(loss.item());
  if (busy) await new Promise((resolve) => setTimeout(resolve, Math.random() * 60));
}
const sum = model.parameters().reduce((total, weight) => total + Number(weight.double().sum().item()), 0);
process.stdout.write(JSON.stringify({ losses, sum, next: rand([1]).item() }));
`;

async function train(root: string, seed: number, prefetch: number, busy = false): Promise<string> {
  const env = { RUN: JSON.stringify([root, seed, prefetch, busy]) };
  const { code, stdout, stderr } = await runChild(SCRIPT, { env, layer: false, timeout: 200_000 });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(JSON.parse(stdout).losses).toHaveLength(3);
  return stdout;
}

describe('a seeded training script with random crops', () => {
  it('gives the same losses, weights and next draw in every process, whatever is read ahead', async () => {
    const root = tmp();
    writeImages(root);
    const want = await train(root, 3, 2);
    expect(await train(root, 3, 2, true)).toBe(want);
    expect(await train(root, 3, 0)).toBe(want);
    expect(await train(root, 3, 4, true)).toBe(want);
    expect(await train(root, 4, 2)).not.toBe(want);
  }, 600_000);
});
