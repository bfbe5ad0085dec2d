import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root } from '../helpers/files.ts';

it('runs that are killed at random moments come to the bytes of one that was not', () => {
  const args = [join(root, 'bench/kill-points.mjs'), '--points', '5', '--each', '2', '--no-record'];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  expect(stderr.replace(/\r\d+\/5/g, '')).toBe('');
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ points: 5, sameBytes: 5 });
});
