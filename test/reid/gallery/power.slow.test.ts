import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root } from '../../helpers/files.ts';

const hasStrace = spawnSync('strace', ['-V']).status === 0;

it.skipIf(!hasStrace)(
  'a gallery loses no acknowledged entry with the power (needs strace)',
  () => {
    const script = join(root, 'scripts/gallery-power-loss.mjs');
    const { stdout, stderr } = spawnSync(process.execPath, [script, '100'], { encoding: 'utf8' });
    expect(stderr).toBe('');
    const result = JSON.parse(stdout);
    expect(result).toMatchObject({ moments: 100, lost: 0, torn: 0 });
    expect(result.flushes).toBeGreaterThan(50);
  },
  300_000,
);
