import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { runChild } from '../helpers/index.ts';

/** What libgomp says of itself as it is loaded, and what the program has in its environment afterwards. */
async function waiting(env: NodeJS.ProcessEnv) {
  const { GOMP_SPINCOUNT: _, OMP_WAIT_POLICY: __, ...rest } = process.env;
  const { stdout, stderr } = await runChild('console.log(String(process.env.GOMP_SPINCOUNT));', {
    env: { ...rest, ...env, OMP_DISPLAY_ENV: 'verbose' },
  });
  return { spins: /GOMP_SPINCOUNT = '(\d+)'/.exec(stderr)?.[1], left: stdout.trim() };
}

describe('threads of libgomp', () => {
  it('wait briefly before they sleep, and child processes do not inherit that', async () => {
    const isAmd = readFileSync('/proc/cpuinfo', 'utf8').includes('AuthenticAMD');
    expect(await waiting({})).toEqual({ spins: isAmd ? '2000' : '20000', left: 'undefined' });
  });

  it('wait as the user says', async () => {
    expect(await waiting({ GOMP_SPINCOUNT: '7' })).toEqual({ spins: '7', left: '7' });
    expect(await waiting({ OMP_WAIT_POLICY: 'passive' })).toEqual({ spins: '0', left: 'undefined' });
  });
});
