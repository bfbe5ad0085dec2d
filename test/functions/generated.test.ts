import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadBinding } from '../../lib/binding.ts';
import { root } from '../helpers/files.ts';

const FILES = ['types', 'torch', 'linalg', 'fft', 'special'];
const read = (name: string) => readFileSync(join(root, `lib/functions/generated/${name}.ts`), 'utf8');
const made = /libtorch (\d+\.\d+)/.exec(read('types'))?.[1] as string;

describe('lib/functions/generated', () => {
  it('is what the generator writes', (context) => {
    const { version } = loadBinding().libtorch;
    if (!version.startsWith(`${made}.`)) context.skip(`made for libtorch ${made}, not ${version}`);
    for (const name of FILES) {
      const script = join(root, 'scripts/gen/functions.mjs');
      const fresh = execFileSync(process.execPath, [script, '--stdout', name], { encoding: 'utf8' });
      // Not toBe: a diff of thousands of lines helps nobody.
      const old = read(name).split('\n');
      expect(fresh.split('\n').filter((line, i) => line !== old[i])).toEqual([]);
    }
  });
});
