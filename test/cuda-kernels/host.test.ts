import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root } from '../helpers/files.ts';

const compiler = process.env.CXX ?? 'c++';
const hasCompiler = spawnSync(compiler, ['--version']).status === 0;
const host = join(root, 'test/cuda-kernels/host');

interface Counts {
  cases: number;
  whole: number;
  split: number;
  given: number;
  scalar: number;
  large: number;
  wide: number;
  narrow: number;
}

// The source that nvcc compiles for GPUs, run by threads that the host emulates.
describe.skipIf(!hasCompiler)('the CUDA kernels, on the host', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ibn-net-kernels-'));
  const program = join(folder, 'kernels-test');
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  beforeAll(() => {
    const sources = ['kernels_test.cc', 'emulator.cc'].map((name) => join(host, name));
    const headers = [host, join(root, 'native/cuda')].map((path) => `-I${path}`);
    const flags = [
      '-std=c++20',
      '-O2',
      '-U_FORTIFY_SOURCE',
      '-Wall',
      '-Wextra',
      '-Wno-unknown-pragmas',
      '-Wno-maybe-uninitialized',
      '-Werror',
    ];
    const { status, stderr } = spawnSync(compiler, [...flags, ...headers, ...sources, '-o', program], {
      encoding: 'utf8',
    });
    expect(stderr).toBe('');
    expect(status).toBe(0);
  }, 300_000);

  function run(seed: number, cases: number): Counts {
    const { status, stdout, stderr } = spawnSync(program, [String(seed), String(cases)], {
      encoding: 'utf8',
    });
    expect(stderr).toBe('');
    expect(status).toBe(0);
    return JSON.parse(stdout) as Counts;
  }

  it('agree with float64 for random shapes, types, layouts, ranges, alignments and block sizes', () => {
    const counts = run(20_240_901, 1000);
    expect(counts.cases).toBe(1000);
    // Every way through the kernels was taken, and often.
    for (const name of ['whole', 'split', 'given', 'scalar', 'large'] as const) {
      expect(counts[name], name).toBeGreaterThan(50);
    }
    expect(counts.wide).toBeGreaterThan(10_000);
    expect(counts.narrow).toBeGreaterThan(10_000);
  });

  it('fail the test when a result is off: it compares', () => {
    const { status, stderr } = spawnSync(program, ['1', '20', '--break'], { encoding: 'utf8' });
    expect(status).toBe(1);
    expect(stderr).toMatch(/^case \d+: .*\noutput\[\d+\]: got .*, expected .* within /);
  });
});
