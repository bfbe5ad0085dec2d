import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { examine, formatChecks, hasFailed } from '../../lib/cli/machine/doctor-checks.ts';
import { bindingName } from '../../lib/libtorch/find/native-module.ts';
import { readSystem } from '../../lib/libtorch/load/system.ts';
import { tmp } from '../helpers/index.ts';
import { torchFiles } from '../libtorch/fake-archives.ts';

describe('ibn-net doctor', () => {
  const nothing = { library: null, kernel: null, gpus: null, devices: [], isWsl: false, visible: undefined };
  const driver = { ...nothing, library: '580.95.05', kernel: '580.95.05', gpus: 1, devices: ['nvidia0'] };
  const system = readSystem({ platform: 'linux', arch: 'x64', glibc: '2.36', osRelease: 'ID=debian\n' });
  const info = (cuda: { available: boolean; deviceCount: number; reason: string | null }) => () => ({
    info: { cuda, error: null } as never,
  });
  const loaded = () => ({ kind: 'loaded', milliseconds: 300 }) as const;

  function look(version: string, more: Parameters<typeof examine>[0]) {
    const folder = tmp();
    const torch = torchFiles(version);
    const lib = { ...torch, 'native/ibn_net.node': '', [`native/${bindingName(version)}`]: '' };
    for (const [name, content] of Object.entries(lib)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), content);
    }
    const env = {
      LIBTORCH: folder,
      IBN_NET_CACHE: join(folder, 'cache'),
      IBN_NET_BINDING_DIR: join(folder, 'native'),
    };
    // The native module is looked for with these settings, which the tests' own process does not have.
    const checks = examine({ env, system, trial: loaded, machine: () => nothing, ...more });
    return { failed: hasFailed(checks), text: formatChecks(checks).replaceAll(folder, 'TMP') };
  }

  it('finds a machine with a GPU in order', () => {
    const cuda = { available: true, deviceCount: 2, reason: null };
    const { failed, text } = look('2.14.1+cu130', { machine: () => driver, info: info(cuda) });
    expect(failed).toBe(false);
    expect(text.replace(/Node [\d.]+/, 'Node N')).toMatchInlineSnapshot(`
      "ok      system         linux-x64, glibc 2.36, Node N
      ok      cache folder   TMP/cache, not made yet
      ok      libtorch       2.14.1+cu130 (LIBTORCH) TMP/torch
      ok      native module  TMP/native/binding-2.14.so (IBN_NET_BINDING_DIR), loads in 300 ms
      ok      CUDA           2 device(s)"
    `);
  });

  it('a CUDA build without a GPU has failed, one message', () => {
    const cuda = { available: false, deviceCount: 0, reason: 'No CUDA GPUs are available' };
    const machine = () => ({ ...driver, gpus: 0, devices: [] });
    const { failed, text } = look('2.14.1+cu130', { machine, info: info(cuda) });
    expect(failed).toBe(true);
    expect(text.slice(text.indexOf('FAILED'))).toMatchInlineSnapshot(`
      "FAILED  CUDA           not available

      Expected an NVIDIA GPU for libtorch 2.14.1+cu130, got none; the driver is 580.95.05:
      - libtorch says: No CUDA GPUs are available
      Possible solutions:
      - Look for a GPU: lspci | grep -i nvidia
      - Run on the CPU meanwhile, which this build can: device: 'cpu'"
    `);
  });

  it('a CPU build is fine, and noted on a machine with a driver', () => {
    const cuda = { available: false, deviceCount: 0, reason: 'CPU build' };
    expect(look('2.13.0+cpu', { info: info(cuda) })).toMatchObject({ failed: false });
    const { failed, text } = look('2.13.0+cpu', { machine: () => driver, info: info(cuda) });
    expect(failed).toBe(false);
    expect(text.slice(text.indexOf('note'))).toMatchInlineSnapshot(`
      "note    CUDA           not used by a CPU build

      Expected a CUDA build of libtorch, got libtorch 2.13.0+cpu
      Possible solutions:
      - Install the CUDA build: npx ibn-net install-libtorch --cuda"
    `);
  });

  it('with --cuda tells what the machine lacks before gigabytes are fetched', () => {
    const cuda = { available: false, deviceCount: 0, reason: 'CPU build' };
    const lacking = look('2.13.0+cpu', { cuda: true, info: info(cuda) });
    expect(lacking).toMatchObject({
      failed: true,
      text: expect.stringContaining('Expected NVIDIA driver 580.65.06'),
    });
    const ready = look('2.13.0+cpu', { cuda: true, machine: () => driver, info: info(cuda) });
    expect(ready).toMatchObject({ failed: true, text: expect.stringContaining('install-libtorch --cuda') });
  });

  it('tells of a libtorch that ends the process', () => {
    const { failed, text } = look('2.13.0+cpu', { trial: () => ({ kind: 'died', how: 'SIGILL', said: '' }) });
    expect(failed).toBe(true);
    expect(text).toContain('- a process that tried was ended by SIGILL');
  });

  it('tells of the wrong C library, a cache that cannot be written and a missing libtorch at once', () => {
    const musl = readSystem({
      platform: 'linux',
      arch: 'x64',
      glibc: undefined,
      hasMusl: true,
      osRelease: '',
    });
    const checks = examine({ env: { IBN_NET_CACHE: '/sys/ibn-net' }, system: musl, machine: () => nothing });
    expect(
      checks.map(({ name, problem, isNote }) => [name, problem?.split('\n')[0] ?? '', isNote ?? false]),
    ).toEqual([
      ['system', 'Expected glibc 2.28 or newer for libtorch, got musl', false],
      [
        'cache folder',
        expect.stringMatching(/^Expected to write the cache folder \/sys\/ibn-net, got E/),
        true,
      ],
      ['libtorch', 'Could not find libtorch for linux-x64:', false],
      ['CUDA', '', false],
    ]);
  });
});
