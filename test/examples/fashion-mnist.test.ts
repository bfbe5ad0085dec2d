import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import * as checkpoint from '../../lib/checkpoint/index.ts';
import { failureOf, numbersIn, runExample } from '../helpers/example.ts';
import { writeStripes } from './stripes.ts';

const scratch = mkdtempSync(join(tmpdir(), 'ibn-example-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const program = 'fashion-mnist/train.mjs';
const train = (...args: string[]) => runExample(program, args, scratch);

describe('examples/fashion-mnist', () => {
  const data = writeStripes(join(scratch, 'stripes'));
  const common = ['--data', data, '--batch-size', '32', '--lr', '0.05', '--epochs', '2', '--threads', '1'];

  it('learns, saves both checkpoints, and goes on from one as if never stopped', {
    timeout: 120_000,
  }, async () => {
    const whole = join(scratch, 'whole');
    const output = await train(...common, '--checkpoint', whole);
    const losses = numbersIn(output, /train loss ([\d.]+)/g);
    expect(losses).toHaveLength(2);
    expect(losses[1]).toBeLessThan(0.8 * (losses[0] as number));
    expect(statSync(join(whole, 'model_best.pth')).size).toBeLessThan(4_000_000);

    const parts = join(scratch, 'parts');
    await train(...common, '--checkpoint', parts, '--stop-after', '1');
    const resumed = await train(...common, '--checkpoint', parts, '--resume', join(parts, 'checkpoint.pth'));
    expect(numbersIn(resumed, /train loss ([\d.]+)/g)).toEqual([losses[1]]);

    const accuracy = numbersIn(output, /test loss [\d.]+ accuracy ([\d.]+)/g).at(-1);
    const evaluated = await train('--data', data, '--evaluate', '--resume', join(whole, 'checkpoint.pth'));
    expect(numbersIn(evaluated, /accuracy ([\d.]+)/g)).toEqual([accuracy]);
  });

  it('refuses what it does not know', async () => {
    expect(await failureOf(program, ['--batch-size', '0'], scratch)).toBe(
      'Expected a number of at least 1 for --batch-size, got 0',
    );
  });

  it('writes the layout of the published training script', async () => {
    const saved = checkpoint.load<object>(join(scratch, 'whole/checkpoint.pth'));
    const keys = Object.keys(saved);
    expect(keys).toEqual(['epoch', 'state_dict', 'acc', 'best_acc', 'optimizer', 'arch', 'args', 'classes']);
  });
});
