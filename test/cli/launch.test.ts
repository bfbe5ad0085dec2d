import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { dist, tmp } from '../helpers/files.ts';
import { runProgram } from '../helpers/ranks.ts';

const main = join(dist, 'cli/main.js');

/** Runs a program of these lines under `ibn-net launch`. */
async function launch(args: readonly string[], program: string, env: Record<string, string> = {}) {
  const file = join(tmp(), 'program.mjs');
  writeFileSync(file, program);
  return await runProgram(process.execPath, [main, 'launch', ...args, file], env);
}

const RANK = 'const { RANK, TORCHELASTIC_RESTART_COUNT: attempt } = process.env;';

describe('ibn-net launch', () => {
  it("gives each rank torchrun's environment, and one thread", async () => {
    const names = ['RANK', 'LOCAL_RANK', 'GROUP_RANK', 'WORLD_SIZE', 'LOCAL_WORLD_SIZE', 'GROUP_WORLD_SIZE'];
    const all = [...names, 'MASTER_ADDR', 'MASTER_PORT', 'OMP_NUM_THREADS', 'TORCHELASTIC_MAX_RESTARTS'];
    const args =
      '--nproc-per-node 2 --nnodes 3 --node-rank 1 --master-addr host0 --master-port 29500 --max-restarts 4';
    const { code, stdout } = await launch(
      args.split(' '),
      `console.log(${JSON.stringify(all)}.map((name) => process.env[name]).join(' '));`,
      { OMP_NUM_THREADS: undefined as never },
    );
    expect(code).toBe(0);
    expect(stdout.trim().split('\n').sort()).toEqual([
      '2 0 1 6 2 3 host0 29500 1 4',
      '3 1 1 6 2 3 host0 29500 1 4',
    ]);
  });

  it('ends with the status of the rank that failed first, names it, and ends the others', async () => {
    const { code, stderr } = await launch(
      ['--nproc-per-node', '3'],
      `${RANK} if (RANK === '1') process.exit(7); setInterval(() => {}, 1000);`,
    );
    expect(code).toBe(7);
    expect(stderr).toMatch(
      /^ibn-net launch: rank 1 \(process \d+\) ended with status 7; the other ranks are ended\n$/,
    );
  });

  it('gives a rank ended by a signal the status of a shell', async () => {
    const { code, stderr } = await launch(
      ['--nproc-per-node', '2'],
      `${RANK} if (RANK === '0') process.kill(process.pid, 'SIGKILL'); setInterval(() => {}, 1000);`,
    );
    expect(code).toBe(137);
    expect(stderr).toMatch(/rank 0 \(process \d+\) was ended by SIGKILL/);
  });

  it('kills ranks that do not end within --grace', async () => {
    const { code } = await launch(
      ['--nproc-per-node', '2', '--grace', '1'],
      `${RANK} process.on('SIGTERM', () => {}); setInterval(() => {}, 1000);
       if (RANK === '1') setTimeout(() => process.exit(3), 500);`,
    );
    expect(code).toBe(3);
  });

  it('starts all ranks again as often as it may, and counts', async () => {
    const works = await launch(
      ['--nproc-per-node', '2', '--max-restarts', '3'],
      `${RANK} console.log(RANK, attempt); process.exit(RANK === '1' && attempt !== '2' ? 5 : 0);`,
    );
    expect(works.code).toBe(0);
    expect(works.stdout).toMatch(/1 0\n.*1 1\n.*1 2\n/s);
    expect(works.stderr.match(/started again \(\d more/g)).toEqual([
      'started again (2 more',
      'started again (1 more',
    ]);
    const fails = await launch(
      ['--nproc-per-node', '1', '--max-restarts', '1'],
      `${RANK} console.log(attempt); process.exit(5);`,
    );
    expect([fails.code, fails.stdout]).toEqual([5, '0\n1\n']);
  });

  it('leaves ranks that were told to stop where they are, with status 75', async () => {
    const { code, stderr } = await launch(
      ['--nproc-per-node', '2', '--max-restarts', '3'],
      'process.exit(75);',
    );
    expect([code, stderr]).toEqual([75, '']);
  });

  it('tells a command that cannot be started, and bad places, in words', async () => {
    const bad = async (...args: string[]) => {
      const { code, stderr } = await runProgram(process.execPath, [main, 'launch', ...args]);
      return [code, stderr.trim().split('\n')[0]];
    };
    expect(await bad('--nproc-per-node', '1', 'no-such-program')).toEqual([
      127,
      'ibn-net launch: rank 0 could not be started: spawn no-such-program ENOENT',
    ]);
    expect(await bad('--nproc-per-node', '0', 'true')).toMatchInlineSnapshot(`
      [
        1,
        "error: option '--nproc-per-node <n>' argument '0' is invalid. Expected a positive integer, got "0".",
      ]
    `);
    expect(await bad('true')).toMatchInlineSnapshot(`
      [
        1,
        "error: required option '--nproc-per-node <n>' not specified",
      ]
    `);
    expect(await bad('--nproc-per-node', '1')).toMatchInlineSnapshot(`
      [
        1,
        "error: missing required argument 'command'",
      ]
    `);
    expect(await bad('--nproc-per-node', '1', '--nnodes', '2', 'true')).toMatchInlineSnapshot(`
      [
        1,
        "Expected --master-port for more than one machine, got none",
      ]
    `);
    expect(
      await bad('--nproc-per-node', '1', '--nnodes', '2', '--node-rank', '2', 'true'),
    ).toMatchInlineSnapshot(`
      [
        1,
        "Expected an integer from 0 to 1 for --node-rank, got 2",
      ]
    `);
    expect(await bad('--nproc-per-node', '1', '--master-port', '70000', 'true')).toMatchInlineSnapshot(`
      [
        1,
        "error: option '--master-port <port>' argument '70000' is invalid. Expected a port from 1 to 65535, got "70000".",
      ]
    `);
    expect(await bad('--nproc-per-node', '100000', 'true')).toMatchInlineSnapshot(`
      [
        1,
        "Expected at most 32 processes for --nproc-per-node, 16 for each processor, got 100000",
      ]
    `);
  });
});
