import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Info } from '../../lib/cli/machine/collect-info.ts';
import { formatInfo } from '../../lib/cli/machine/info.ts';
import { locateLibtorch } from '../../lib/libtorch/find/locate.ts';
import { dist } from '../helpers/files.ts';
import { runNode } from '../libtorch/run-node.ts';

const MAIN = join(dist, 'cli', 'main.js');

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ibn-info-'));
});

afterEach(() => rm(folder, { recursive: true }));

/** The environment of a machine without libtorch. */
function bare(): Record<string, string | undefined> {
  return { PATH: process.env.PATH, HOME: folder, IBN_NET_CACHE: join(folder, 'cache') };
}

describe('ibn-net info', () => {
  it('prints versions, paths, CPU capability, threads and CUDA as JSON', async () => {
    const { status, stdout, stderr } = await runNode([MAIN, 'info', '--json'], process.env);
    expect([status, stderr]).toEqual([0, '']);
    const info = JSON.parse(stdout) as Info;
    const { version, flavour, source, root } = locateLibtorch();
    expect(info).toMatchObject({
      version: '0.1.0',
      node: process.versions.node,
      platform: process.platform,
      arch: process.arch,
      libtorch: { version, flavour, source, root },
      error: null,
    });
    expect(info.binding).toMatch(/binding-2\.\d+\.so$/);
    expect(info.cpuCapability).toMatch(/^[A-Z0-9_]+$/);
    expect(info.numThreads).toBeGreaterThan(0);
    expect(info.cuda.available ? info.cuda.reason : typeof info.cuda.reason).toBe(
      info.cuda.available ? null : 'string',
    );
  });

  it('prints what is known and why, with exit code 1, when libtorch is missing', async () => {
    const { status, stdout, stderr } = await runNode([MAIN, 'info'], bare());
    expect(status).toBe(1);
    expect(stdout).toContain(
      `Node            ${process.versions.node} (${process.platform}-${process.arch})\n`,
    );
    expect(stdout).toContain('libtorch        not loaded\n');
    expect(stderr).toMatch(/^\nCould not find libtorch for \S+:\n(- .*\n)+Possible solutions:\n(- .*\n)+$/);
  });

  it('puts the reason in the JSON when libtorch is missing', async () => {
    const { status, stdout, stderr } = await runNode([MAIN, 'info', '--json'], {
      ...bare(),
      LIBTORCH: '/nowhere',
    });
    expect([status, stderr]).toEqual([1, '']);
    const info = JSON.parse(stdout) as Info;
    expect(info).toMatchObject({ libtorch: null, binding: null, cpuCapability: null, numThreads: null });
    expect(info.error).toContain('- LIBTORCH=/nowhere: no such folder');
  });

  it('reads well', () => {
    const cuda = { available: true, deviceCount: 1, reason: null };
    const info: Info = {
      version: '0.1.0',
      node: '20.19.0',
      platform: 'linux',
      arch: 'x64',
      libtorch: { version: '2.14.1', flavour: 'cu130', source: 'cache', root: '/cache/torch' },
      binding: '/package/binding-2.14.so',
      cpuCapability: 'AVX2',
      numThreads: 8,
      numInteropThreads: 4,
      cuda,
      gpus: ['NVIDIA A100, 580.1, 81920 MiB'],
      error: null,
    };
    expect(formatInfo(info)).toMatchInlineSnapshot(`
      "ibn-net         0.1.0
      Node            20.19.0 (linux-x64)
      libtorch        2.14.1+cu130 (from cache)
                      /cache/torch
      native module   /package/binding-2.14.so
      CPU capability  AVX2
      threads         8 (4 interop)
      CUDA            1 device(s)
      GPU             NVIDIA A100, 580.1, 81920 MiB"
    `);
  });
});

describe('the command line without libtorch', () => {
  it.each([
    [['--help'], /Usage: ibn-net \[options\] \[command\]/],
    [['--version'], /^0\.1\.0\n$/],
    [['install-libtorch', '--help'], /Sources in order: --from, IBN_NET_LIBTORCH_MIRROR/],
    [['classify', '--help'], /Usage: ibn-net classify/],
  ])('prints %j', async (args, expected) => {
    const { status, stdout, stderr } = await runNode([MAIN, ...args], { ...bare(), LIBTORCH: '/nowhere' });
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(expected);
  });

  it('explains a wrong option in one message', async () => {
    const { status, stderr } = await runNode([MAIN, 'info', '--jsn'], bare());
    expect(status).toBe(1);
    expect(stderr).toMatchInlineSnapshot(`
      "error: unknown option '--jsn'
      (Did you mean --json?)
      (add --help for the options)
      "
    `);
  });
});
