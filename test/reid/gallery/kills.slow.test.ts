import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root, tmp } from '../../helpers/files.ts';

it('a gallery loses and tears no acknowledged entry when its process is killed', () => {
  const script = join(root, 'scripts/gallery-kills.mjs');
  const { stdout, stderr } = spawnSync(process.execPath, [script, '25', tmp()], { encoding: 'utf8' });
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toMatchObject({ kills: 25, lost: 0, torn: 0, deletedCameBack: 0 });
  expect(JSON.parse(stdout).acknowledged).toBeGreaterThan(10);
}, 300_000);
