import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TrainOptions, train } from '../../lib/cli/train/train.ts';
import { setNumThreads } from '../../lib/tensor/index.ts';
import { dist } from '../helpers/files.ts';

const scratch = mkdtempSync(join(tmpdir(), 'ibn-trouble-'));
const file = (name: string) => join(scratch, name);
const RECIPE = {
  model: 'resnet18_ibn_a',
  modelOptions: { widths: [4, 4, 4, 4], stem: 'small' },
  epochs: 3,
  batchSize: 4,
  lr: 0.05,
  seed: 3,
  crop: 16,
  saveEvery: 1,
};
const FILES = ['checkpoint.pth', 'model_best.pth', 'log.txt'];
const bytes = (output: string) =>
  FILES.map((name) =>
    createHash('sha256')
      .update(readFileSync(file(`${output}/${name}`)))
      .digest('hex'),
  );

async function run(output: string, options: TrainOptions = {}, onStdout?: (text: string) => void) {
  let stderr = '';
  const streams = {
    stdout: { write: (text: string) => onStdout?.(text) },
    stderr: { write: (text: string) => (stderr += text) },
  };
  const code = await train(file('data'), { ...RECIPE, output: file(output), ...options }, streams).catch(
    (error: Error) => error,
  );
  return { code, stderr };
}

beforeAll(async () => {
  setNumThreads(1);
  for (const split of ['train', 'val'])
    for (const [label, name] of ['blue', 'red'].entries()) {
      mkdirSync(file(`data/${split}/${name}`), { recursive: true });
      for (let i = 0; i < 6; i++) {
        const background = { r: 200 * label, g: 30 * i, b: 250 - 200 * label };
        await sharp({ create: { width: 20 + i, height: 20, channels: 3, background } })
          .jpeg()
          .toFile(file(`data/${split}/${name}/${i}.jpg`));
      }
    }
  expect(await run('whole')).toEqual({ code: 0, stderr: '' });
});
afterAll(() => rmSync(scratch, { recursive: true }));

describe('a run in trouble', () => {
  it.each([false, true])(
    'keeps what it has where its data vanishes (skipUnreadable: %s)',
    async (skipUnreadable) => {
      const output = `vanished-${skipUnreadable}`;
      const { code, stderr } = await run(output, { skipUnreadable }, (text) => {
        if (text.startsWith('Epoch 1/3')) renameSync(file('data/train'), file('data/moved'));
      });
      renameSync(file('data/moved'), file('data/train'));
      expect(code).toMatchObject({ name: 'DatasetError', code: 'ERR_DATASET_VANISHED' });
      expect(stderr).toMatch(
        /^The data failed in epoch 1, behind batch 0; .*checkpoint-000000003\.pth has the run\n$/,
      );
      expect((await run(output, { skipUnreadable, resume: 'auto' })).code).toBe(0);
      const [, , log] = bytes(output);
      expect(log).toBe(bytes('whole')[2]);
    },
  );

  it('goes on where the disk is full, keeps the last whole checkpoint, and says at the end that it could not save', async () => {
    const first = await run('full', {}, (text) => {
      if (text.startsWith('Epoch 1/3')) renameSync(file('data/train'), file('data/moved'));
    });
    renameSync(file('data/moved'), file('data/train'));
    expect(first.code).toMatchObject({ code: 'ERR_DATASET_VANISHED' });
    const before = readFileSync(file('full/checkpoint.pth'));
    // Files may have 8 KiB: what a disk without room gives, but for the number of the error.
    const command = [
      process.execPath,
      join(dist, 'cli/main.js'),
      'train',
      file('data'),
      '--output',
      file('full'),
    ];
    const limited = ['-c', 'ulimit -f 16 && exec "$@"', 'sh', ...command, '--resume', 'auto'];
    const child = spawn('/bin/sh', limited, { env: { ...process.env, OMP_NUM_THREADS: '1' } });
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.stdout.resume();
    expect(await new Promise((go) => child.on('close', go))).toBe(1);
    expect(stderr).toContain('The checkpoint of step 4 could not be written: ');
    expect(stderr).toMatch(/EFBIG.*; the run goes on, and tries again at the next/);
    expect(stderr).toMatch(/The checkpoint of step 9 could not be written: .*EFBIG[^;]*\n$/);
    expect(readFileSync(file('full/checkpoint.pth')).equals(before)).toBe(true);
    expect(readdirSync(file('full')).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    expect((await run('full', { resume: 'auto' })).code).toBe(0);
    expect(bytes('full')).toEqual(bytes('whole'));
  });

  it('ends at a loss that is no finite number, with the checkpoint before it', async () => {
    const { code } = await run('diverged', { lr: 1e30 });
    expect(code).toMatchObject({ name: 'TrainError', code: 'ERR_TRAIN_NON_FINITE' });
    expect((code as Error).message).toMatch(
      /^Epoch \d, batch \d: Expected a finite loss, got (NaN|-?Infinity); .*checkpoint-\d+\.pth has the run before it; lower the/,
    );
  });
});
