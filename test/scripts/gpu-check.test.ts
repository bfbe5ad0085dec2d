import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runLimited } from '../../scripts/gpu-check/process.mjs';
import { summary } from '../../scripts/test-outcomes/summary.mjs';
import { root, tmp } from '../helpers/index.ts';

const inNode = (source: string, limit: number) => {
  const log = join(tmp(), 'log');
  return runLimited(process.execPath, ['-e', source], { log, limit });
};

describe('a step of gpu-check', () => {
  it('passes, or fails with its status and last line', async () => {
    expect(await inNode('console.log("well")', 20)).toMatchObject({ state: 'passed', lines: ['well'] });
    expect(await inNode('console.error("broken"); process.exit(3)', 20)).toMatchObject({
      state: 'failed',
      reason: 'exit status 3: broken',
    });
  });

  it('is stopped at its limit, with all that it started', async () => {
    const file = join(tmp(), 'pid');
    const child = `require('node:fs').writeFileSync('${file}', String(process.pid)); setInterval(() => {}, 1000)`;
    const parent = `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(child)}], { stdio: 'inherit' })`;
    const { state, reason } = await inNode(`${parent}; process.on('SIGTERM', () => {})`, 2);
    expect({ state, reason }).toEqual({ state: 'timeout', reason: 'stopped after 2 s' });
    expect(existsSync(`/proc/${readFileSync(file, 'utf8')}/exe`)).toBe(false);
  }, 20_000);

  it('does not begin when no time is left', async () => {
    expect(await inNode('', 0)).toMatchObject({ state: 'timeout', reason: 'no time was left' });
  });
});

describe('the outcome of the tests', () => {
  it('names what failed, what was skipped and why, and what did not run', () => {
    const folder = tmp();
    mkdirSync(join(folder, 'test'));
    for (const name of ['a', 'b', 'late']) writeFileSync(join(folder, 'test', `${name}.test.ts`), '');
    const told = join(folder, 'told');
    const tests = [
      { name: 'adds (cuda)', state: 'passed' },
      { name: 'adds (cpu)', state: 'failed', reason: 'expected 2' },
      { name: 'sees a GPU (cuda)', state: 'skipped', reason: 'no CUDA device' },
      { name: 'needs gcc', state: 'skipped' },
    ];
    writeFileSync(told, `${JSON.stringify({ file: 'test/a.test.ts', tests, errors: [] })}\n`);
    const unfit = [{ file: 'test/b.test.ts', reason: 'needs npm' }];
    expect(summary(folder, told, unfit)).toEqual({
      files: 1,
      passed: 1,
      failed: 1,
      skipped: 2,
      cuda: { passed: 1, failed: 0, skipped: 1 },
      brokenFiles: [],
      failures: [{ test: 'test/a.test.ts: adds (cpu)', reason: 'expected 2' }],
      skippedTests: [
        { test: 'test/a.test.ts: sees a GPU (cuda)', reason: 'no CUDA device' },
        { test: 'test/a.test.ts: needs gcc', reason: 'its own condition' },
      ],
      unwell: ['test/a.test.ts', 'test/late.test.ts'],
      notRun: [
        { file: 'test/b.test.ts', reason: 'needs npm' },
        { file: 'test/late.test.ts', reason: 'it did not come to its end' },
      ],
    });
  });
});

describe('scripts/gpu-check.sh', () => {
  const script = join(root, 'scripts/gpu-check.sh');
  const bash = ['/bin/bash', '/usr/bin/bash'].find((path) => existsSync(path));

  it.skipIf(bash === undefined)('without Node says what to do, and leaves that as JSON', () => {
    const folder = tmp();
    mkdirSync(join(folder, 'scripts'));
    mkdirSync(join(folder, 'bin'));
    writeFileSync(join(folder, 'scripts/gpu-check.sh'), readFileSync(script));
    for (const tool of ['/usr/bin/dirname', '/usr/bin/mkdir'])
      symlinkSync(tool, join(folder, 'bin', basename(tool)));
    // It is only asked whether it runs.
    symlinkSync('/usr/bin/true', join(folder, 'bin/python3'));
    const env = { PATH: join(folder, 'bin'), OUT: join(folder, 'out') };
    const { status, stderr } = spawnSync(bash as string, [join(folder, 'scripts/gpu-check.sh')], {
      env,
      encoding: 'utf8',
    });
    const reason =
      'Expected Node 20.19 or newer on PATH or .gpu-check/node.tar.xz, got neither; run: node scripts/gpu-check-pack.mjs';
    expect({ status, stderr }).toEqual({ status: 1, stderr: `gpu-check: ${reason}\n` });
    expect(JSON.parse(readFileSync(join(folder, 'out/gpu-check.json'), 'utf8'))).toEqual({
      ok: false,
      steps: [{ name: 'prepare', state: 'failed', reason }],
    });
  });

  it('tells an unknown step from others', () => {
    const main = join(root, 'scripts/gpu-check/main.mjs');
    const env = { ...process.env, OUT: tmp(), PYTHON: '/bin/false' };
    const { status, stderr } = spawnSync(process.execPath, [main, 'tests'], { env, encoding: 'utf8' });
    expect(status).toBe(2);
    expect(stderr).toContain(
      'Expected a step, got "tests"; there are: build, test, sanitize, sanitize/memcheck',
    );
  });
});
