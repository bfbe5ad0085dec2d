import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { load } from '../../lib/checkpoint/index.ts';
import type { Tensor } from '../../lib/tensor/index.ts';
import { dist } from '../helpers/files.ts';
import { runProgram } from '../helpers/ranks.ts';

const main = join(dist, 'cli/main.js');
const scratch = mkdtempSync(join(tmpdir(), 'ibn-ranks-'));
const file = (name: string) => join(scratch, name);
const CLASSES = ['blue', 'green', 'red'];

/** Noise, in which a channel leads: of 17 images to train with and 7 for figures, ranks get unlike numbers. */
beforeAll(async () => {
  let seed = 1;
  const noise = (most: number) => {
    seed = (seed * 16_807) % 2_147_483_647;
    return seed % most;
  };
  for (const [split, counts] of Object.entries({ train: [6, 6, 5], val: [3, 2, 2] }))
    for (const [label, name] of CLASSES.entries()) {
      mkdirSync(file(`data/${split}/${name}`), { recursive: true });
      for (let i = 0; i < (counts[label] as number); i++) {
        const bytes = Array.from(
          { length: 24 * 24 * 3 },
          (_, at) => (at % 3 === label ? 90 : 40) + noise(120),
        );
        await sharp(Buffer.from(bytes), { raw: { width: 24, height: 24, channels: 3 } })
          .jpeg()
          .toFile(file(`data/${split}/${name}/${i}.jpg`));
      }
    }
});
afterAll(() => rmSync(scratch, { recursive: true }));

/** The command over so many ranks; over one, without `launch`. */
async function command(ranks: number, ...args: string[]) {
  const launch = ranks === 1 ? [] : ['launch', '--nproc-per-node', String(ranks), 'ibn-net'];
  return await runProgram(process.execPath, [main, ...launch, ...args], { OMP_NUM_THREADS: '1' });
}

async function train(ranks: number, output: string, ...more: string[]) {
  const recipe =
    '--epochs 2 --batch-size 3 --lr 0.05 --seed 3 --crop 16 --test-batch 2 --model resnet18_ibn_a';
  const network = ['--model-options', '{"widths":[4,4,4,4],"stem":"small"}'];
  const options = [...recipe.split(' '), ...network, '--output', file(output), ...more];
  const { code, stdout, stderr } = await command(ranks, 'train', file('data'), ...options);
  expect([code, stderr]).toEqual([0, '']);
  return stdout;
}

/** The images again, some of them broken. */
function copyData(to: string, broken: RegExp): void {
  const entries = readdirSync(file('data'), { recursive: true, withFileTypes: true });
  for (const { parentPath, name } of entries.filter((entry) => entry.isFile())) {
    const folder = parentPath.replace(file('data'), file(to));
    mkdirSync(folder, { recursive: true });
    const path = join(parentPath, name);
    writeFileSync(join(folder, name), broken.test(path) ? 'no image' : readFileSync(path));
  }
}

/** An epoch over two ranks that leave images out; what was said. */
async function trainDamaged(data: string, ...more: string[]): Promise<string> {
  const recipe = '--epochs 1 --seed 3 --crop 16 --model resnet18_ibn_a --skip-unreadable';
  const network = ['--model-options', '{"widths":[4,4,4,4],"stem":"small"}', '--output', file(`${data}-run`)];
  const { code, stderr } = await command(2, 'train', file(data), ...recipe.split(' '), ...network, ...more);
  expect(code, stderr).toBe(0);
  return stderr;
}

/** Of the weights: options, such as the number of threads, stand in the file too. */
function digest(path: string): string {
  const hash = createHash('sha256');
  const { state_dict } = load<{ state_dict: Map<string, Tensor> }>(path);
  for (const [key, value] of state_dict) hash.update(key).update(new Uint8Array(value.data().buffer));
  return hash.digest('hex');
}

interface Figures {
  readonly loss: number;
  readonly top1: number;
  readonly samples: number;
}

/** What `ibn-net evaluate` says, as JSON. */
async function evaluate(ranks: number, data: string, ...more: string[]) {
  const { code, stdout, stderr } = await command(ranks, 'evaluate', file(data), '--json', ...more);
  const { results, ...rest } = JSON.parse(stdout);
  const { seconds, imagesPerSecond, ...result } = results[0];
  expect(imagesPerSecond * seconds).toBeGreaterThan(0);
  return { code, stderr, rest, result: result as Figures & Record<string, unknown> };
}

describe('train over ranks', () => {
  it('gives one run of all images, and figures of every image of val once', async () => {
    const stdout = await train(2, 'two');
    expect(stdout.match(/17 images of 3 classes/g)).toHaveLength(1);
    const records = readFileSync(file('two/metrics.jsonl'), 'utf8').trim().split('\n');
    const { step, val } = JSON.parse(records.at(-1) as string);
    expect([records.length, step]).toEqual([2, 6]); // nine images of each rank, three batches an epoch
    const { result } = await evaluate(1, 'data', '--checkpoint', file('two/checkpoint.pth'));
    expect(result.samples).toBe(7);
    expect(val.top1).toBeCloseTo(result.top1, 10);
    expect(val.loss).toBeCloseTo(result.loss, 4);
  });

  it('ends with the same bytes whatever the number of reading threads', async () => {
    await train(2, 'threads', '--workers', '1');
    expect(digest(file('threads/model_best.pth'))).toBe(digest(file('two/model_best.pth')));
    await train(2, 'in-turn', '--workers', '0');
    await train(2, 'in-turn-again', '--workers', '0');
    expect(digest(file('in-turn/checkpoint.pth'))).toBe(digest(file('in-turn-again/checkpoint.pth')));
  });

  it('evaluates the average, whose statistics are those of rank 0', async () => {
    await train(2, 'average', '--ema', '0.9');
    const [record] = readFileSync(file('average/metrics.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
      .filter(({ isBest }) => isBest)
      .slice(-1);
    const { result } = await evaluate(1, 'data', '--checkpoint', file('average/model_best_ema.pth'));
    expect(record.val.loss).toBeCloseTo(result.loss, 4);
  });

  it('counts the images that one rank or the other left out', async () => {
    copyData('damaged', /(train.blue.[01]|val.(blue.0|red.1))\.jpg$/);
    const stderr = await trainDamaged('damaged', '--batch-size', '3');
    expect(stderr).toContain('Images that could not be read and were left out: 2 of train, 2 of val');
  });

  it('ends an epoch where one rank has no more batches, and says so', async () => {
    copyData('lacking', /train.blue.0\.jpg$/);
    const stderr = await trainDamaged('lacking', '--batch-size', '1');
    expect(stderr).toContain('A rank has no more than 8 batches: the epoch ends there on all ranks');
  });
});

describe('evaluate over ranks', () => {
  it('says once what one process says', async () => {
    const more = ['--checkpoint', file('two/model_best.pth'), '--robustness', '--corruptions', 'fog'];
    const [alone, two, three] = [
      await evaluate(1, 'data', ...more),
      await evaluate(2, 'data', ...more, '--batch-size', '2'),
      await evaluate(3, 'data', ...more, '--output', file('results')),
    ];
    for (const shared of [two, three]) {
      expect(shared.result.loss).toBeCloseTo(alone.result.loss, 5);
      expect(shared.result.samples).toBe(7);
      const figures = ({ result: { loss: _, robustness, ...result }, rest, code, stderr }: typeof alone) => ({
        result,
        robustness: (robustness as Figures[]).map(({ loss: __, ...one }) => one),
        rest,
        code,
        stderr,
      });
      expect(figures(shared)).toEqual(figures(alone));
    }
    expect(JSON.parse(readFileSync(file('results/evaluation.json'), 'utf8')).results).toHaveLength(1);
  });

  it('names the images that cannot be read, whichever rank has them, and ends with status 1', async () => {
    const { code, stderr, rest, result } = await evaluate(
      2,
      'damaged',
      '--checkpoint',
      file('two/model_best.pth'),
    );
    expect(code).toBe(1);
    expect(result.samples).toBe(5);
    const paths = rest.unreadable.map(({ path }: { path: string }) => path).sort();
    expect(paths).toEqual([file('damaged/val/blue/0.jpg'), file('damaged/val/red/1.jpg')]);
    for (const path of paths) expect(stderr).toContain(path);
  });

  it('has ranks without an image', async () => {
    mkdirSync(file('one/val/red'), { recursive: true });
    writeFileSync(file('one/val/red/0.jpg'), readFileSync(file('data/val/red/0.jpg')));
    const more = ['--checkpoint', file('two/model_best.pth')];
    const [alone, three] = [await evaluate(1, 'one', ...more), await evaluate(3, 'one', ...more)];
    expect(three).toEqual(alone);
  });
});
