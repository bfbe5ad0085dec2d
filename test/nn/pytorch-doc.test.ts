import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root } from '../helpers/files.ts';

it('docs/pytorch.md is what the generator writes', () => {
  const script = join(root, 'scripts/gen/pytorch-doc.mjs');
  const fresh = execFileSync(process.execPath, [script, '--stdout'], { encoding: 'utf8' });
  expect(fresh).toBe(readFileSync(join(root, 'docs', 'pytorch.md'), 'utf8'));
});
