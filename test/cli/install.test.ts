import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { locateLibtorch } from '../../lib/libtorch/find/locate.ts';
import { dist } from '../helpers/files.ts';
import { torchWheel } from '../libtorch/fake-archives.ts';
import { useSetup } from '../libtorch/install-setup.ts';
import { runNode } from '../libtorch/run-node.ts';

const setup = useSetup();

async function run(args: string[], env: Record<string, string> = {}) {
  const { status, stdout, stderr } = await runNode(
    [join(dist, 'cli', 'main.js'), 'install-libtorch', ...args],
    // The libtorch of these tests is none that could be loaded.
    { ...setup.env, IBN_NET_SKIP_TRIAL: '1', ...env },
  );
  const clean = (text: string) =>
    text
      .replaceAll(setup.folder, 'TMP')
      .replace(/in [\d.]+ s/, 'in N s')
      .replace(/[0-9a-f]{64}/, 'SHA256')
      .replace(/\(node:\d+\)/, '(node)')
      .replace(/\(Use `node --trace-warnings.*\n/, '');
  return { status, stdout: clean(stdout), stderr: clean(stderr) };
}

async function putWheel(name: string, version: string): Promise<string> {
  const path = join(setup.folder, name);
  await writeFile(path, torchWheel({ version }));
  return path;
}

describe('ibn-net install-libtorch', () => {
  it('installs, then says that it is installed', async () => {
    const wheel = await putWheel('torch-2.12.0+cpu-cp311-cp311-linux_x86_64.whl', '2.12.0+cpu');
    const first = await run(['--from', wheel]);
    expect(first).toMatchInlineSnapshot(`
      {
        "status": 0,
        "stderr": "(node) [IBN_LIBTORCH_UNPINNED] Warning: torch-2.12.0+cpu-cp311-cp311-linux_x86_64.whl is not in the table of pinned files; its sha256 is SHA256
      Unpacking torch-2.12.0+cpu-cp311-cp311-linux_x86_64.whl
      ",
        "stdout": "Installed libtorch 2.12.0+cpu in N s: TMP/cache/libtorch/2.12.0+cpu/torch
      ",
      }
    `);
    expect((await run(['--from', wheel])).stdout).toBe(
      'libtorch 2.12.0+cpu is installed already: TMP/cache/libtorch/2.12.0+cpu/torch\n',
    );
    expect((await run(['--version', '2.12.0'])).stdout).toContain('is installed already');
  });

  it('says how to use what it installed when something else is in use', async () => {
    await run(['--from', await putWheel('torch-2.13.0+cpu-x.whl', '2.13.0+cpu')]);
    const wheel = await putWheel('torch-2.12.0+cpu-x.whl', '2.12.0+cpu');
    expect((await run(['--from', wheel])).stdout).toContain(
      'In use is 2.13.0+cpu (cache). To use the new one: export IBN_NET_LIBTORCH_VERSION=2.12.0+cpu\n',
    );
    const LIBTORCH = join(setup.cache, 'libtorch/2.13.0+cpu');
    expect((await run(['--from', wheel, '--force'], { LIBTORCH })).stdout).toContain(
      'In use is 2.13.0+cpu (LIBTORCH). To use the new one: unset LIBTORCH\n',
    );
  });

  it('prints one message and exit code 1 when it fails', async () => {
    expect(await run(['--version', '1.13.1'])).toEqual({
      status: 1,
      stdout: '',
      stderr: 'Expected a version from 2.11 to 2.14 such as 2.13.0+cpu for --version, got "1.13.1"\n',
    });
    expect(await run(['--from', '/no/such.whl'])).toEqual({
      status: 1,
      stdout: '',
      stderr: '--from /no/such.whl: no such file or folder\n',
    });
    const debug = await run(['--from', '/no/such.whl'], { DEBUG: '1' });
    expect(debug.stderr).toContain('at async');
  });
});

describe('after an installation', () => {
  it('says that a libtorch without a native module needs one compiled', async () => {
    const wheel = await putWheel('torch-2.12.0+cpu-x.whl', '2.12.0+cpu');
    const { status, stderr } = await run(['--from', wheel], { IBN_NET_SKIP_TRIAL: '0' });
    expect(status).toBe(0);
    expect(stderr).toMatch(
      /^There is no prebuilt native module for libtorch 2\.12 \(prebuilt: .*\); compile it: npx ibn-net build$/m,
    );
  });

  it('tries it in a process of its own and says what is wrong', async () => {
    // The native module at hand is the one for the libtorch in use.
    const { version } = locateLibtorch();
    const wheel = await putWheel(`torch-${version}+cpu-x.whl`, `${version}+cpu`);
    const { status, stderr } = await run(['--from', wheel], { IBN_NET_SKIP_TRIAL: '0' });
    expect(status).toBe(1);
    expect(stderr).toContain(
      `Could not load libtorch ${version} (cpu) from TMP/cache/libtorch/${version}+cpu/torch:\n- `,
    );
    expect(stderr).toContain(
      `- Install it again: npx ibn-net install-libtorch --version ${version}+cpu --force`,
    );
  });
});
