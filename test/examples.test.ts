import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import * as checkpoint from '../lib/checkpoint/index.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'ibn-example-'));
afterAll(() => rmSync(scratch, { recursive: true }));

/** Ten kinds of stripes that a network soon tells apart, in the files of Fashion-MNIST; `noise` is a share of pixels. */
function writeStripes(folder: string, noise = 0): string {
  mkdirSync(folder, { recursive: true });
  let state = 1; // of a generator of Lehmer's
  const isFlipped = () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647 < noise;
  };
  for (const [prefix, count] of [
    ['train', 320],
    ['t10k', 100],
  ] as const) {
    const labels = Uint8Array.from({ length: count }, (_, i) => i % 10);
    const images = new Uint8Array(count * 784);
    for (let i = 0; i < images.length; i++) {
      const row = Math.floor(i / 28) % 28;
      const label = labels[Math.floor(i / 784)] as number;
      images[i] = (row % (label + 2) === 0) !== isFlipped() ? 255 : 0;
    }
    writeFileSync(join(folder, `${prefix}-images-idx3-ubyte`), idx([count, 28, 28], images));
    writeFileSync(join(folder, `${prefix}-labels-idx1-ubyte`), idx([count], labels));
  }
  return folder;
}

function idx(shape: number[], data: Uint8Array): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.set([0, 0, 8, shape.length]);
  for (const [dim, side] of shape.entries()) header.writeUInt32BE(side, 4 + 4 * dim);
  return Buffer.concat([header, data]);
}

const train = (...args: string[]) => run('fashion-mnist', ...args);

/** What `train.mjs` of an example prints. */
async function run(example: string, ...args: string[]): Promise<string> {
  if (!existsSync(join(root, 'dist/index.js')))
    throw new Error('Expected dist/index.js; run "npm run build" first');
  const script = join(root, 'examples', example, 'train.mjs');
  const { stdout } = await promisify(execFile)(process.execPath, [script, ...args], { cwd: root });
  return stdout;
}

const numbers = (text: string, pattern: RegExp) =>
  [...text.matchAll(pattern)].map((match) => Number(match[1]));

describe('examples/fashion-mnist', () => {
  const data = writeStripes(join(scratch, 'stripes'));
  const common = ['--data', data, '--batch-size', '32', '--lr', '0.05', '--epochs', '2', '--threads', '1'];

  it('learns, saves both checkpoints, and goes on from one as if never stopped', {
    timeout: 120_000,
  }, async () => {
    const whole = join(scratch, 'whole');
    const output = await train(...common, '--checkpoint', whole);
    const losses = numbers(output, /train loss ([\d.]+)/g);
    expect(losses).toHaveLength(2);
    expect(losses[1]).toBeLessThan(0.8 * (losses[0] as number));
    expect(statSync(join(whole, 'model_best.pth')).size).toBeLessThan(4_000_000);

    const parts = join(scratch, 'parts');
    await train(...common, '--checkpoint', parts, '--stop-after', '1');
    const resumed = await train(...common, '--checkpoint', parts, '--resume', join(parts, 'checkpoint.pth'));
    expect(numbers(resumed, /train loss ([\d.]+)/g)).toEqual([losses[1]]);

    const accuracy = numbers(output, /test loss [\d.]+ accuracy ([\d.]+)/g).at(-1);
    const evaluated = await train('--data', data, '--evaluate', '--resume', join(whole, 'checkpoint.pth'));
    expect(numbers(evaluated, /accuracy ([\d.]+)/g)).toEqual([accuracy]);
  });

  it('writes the layout of the published training script', async () => {
    const saved = checkpoint.load<object>(join(scratch, 'whole/checkpoint.pth'));
    const keys = Object.keys(saved);
    expect(keys).toEqual(['epoch', 'state_dict', 'acc', 'best_acc', 'optimizer', 'arch', 'args', 'classes']);
  });
});

/** Names of two languages that differ in their last letters. */
function writeNames(folder: string): string {
  mkdirSync(folder, { recursive: true });
  const stems = ['Ros', 'Mar', 'Ferr', 'Gall', 'Cont', 'Nov', 'Kow', 'Lew', 'Zíl', 'Bor'];
  const names = (ending: string) =>
    stems.flatMap((stem) => ['', 'a', 'e', 'o'].map((v) => `${stem}${v}${ending}`));
  writeFileSync(join(folder, 'Italian.txt'), `${names('ini').join('\n')}\n`);
  writeFileSync(join(folder, 'Polish.txt'), `${names('wski').join('\n')}\n`);
  return folder;
}

describe('examples/names', () => {
  it('learns endings, and tells the language of a name it has not seen', { timeout: 120_000 }, async () => {
    const data = writeNames(join(scratch, 'names'));
    const common = ['--data', data, '--hidden', '16', '--batch-size', '8', '--epochs', '8', '--threads', '1'];
    const output = await run('names', ...common, '--predict', 'Dąbrowski', '--predict', 'Bellini');
    expect(output).toMatch(/^68 names of 2 languages/);
    const losses = numbers(output, /loss ([\d.]+)/g);
    expect(losses.at(-1)).toBeLessThan(0.2 * (losses[0] as number));
    expect(output).toMatch(/Dąbrowski: Polish/);
    expect(output).toMatch(/Bellini: Italian/);
  });
});

describe('examples/siamese', () => {
  it('brings images of a class together, and saves its weights', { timeout: 120_000 }, async () => {
    const data = writeStripes(join(scratch, 'siamese'), 0.25);
    const file = join(scratch, 'siamese.pth');
    const common = [
      '--data',
      data,
      '--batch-size',
      '32',
      '--epochs',
      '2',
      '--embedding',
      '8',
      '--threads',
      '1',
    ];
    const output = await run('siamese', ...common, '--save', file);
    const losses = numbers(output, /triplet loss ([\d.]+)/g);
    expect(losses.at(-1)).toBeLessThan(0.5 * (losses[0] as number));
    const recalls = numbers(output, /recall@1 ([\d.]+)/g); // the first untrained
    expect(recalls.at(-1)).toBeGreaterThan((recalls[0] as number) + 10);
    expect([...checkpoint.load<Map<string, unknown>>(file).keys()]).toContain('embedding.weight');
  });
});
