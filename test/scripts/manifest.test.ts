import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root } from '../helpers/files.ts';
import { tmp } from '../helpers/index.ts';

const script = join(root, 'scripts/package/manifest.mjs');
const CLONE =
  '{ "name": "x", "gypfile": false, "scripts": { "prepare": "y" }, "files": ["dist"], "devDependencies": {} }\n';

it('packing writes the tarball’s package.json and puts the clone’s back, also after it was cut off', () => {
  const folder = tmp();
  const path = join(folder, 'package.json');
  const run = (mode: string) => spawnSync(process.execPath, [script, mode], { cwd: folder }).status;
  writeFileSync(path, CLONE);
  expect(run('--strip')).toBe(0);
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ name: 'x', files: ['dist'] });
  // Cut off here; packed again.
  expect(run('--strip')).toBe(0);
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ name: 'x', files: ['dist'] });
  expect(run('--restore')).toBe(0);
  expect(readFileSync(path, 'utf8')).toBe(CLONE);
  expect(existsSync(join(folder, '.package.clone.json'))).toBe(false);
  expect(run('--restore')).toBe(0);
  expect(readFileSync(path, 'utf8')).toBe(CLONE);
  expect(run('--pack')).toBe(2);
});
