import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cacheFolder } from '../../lib/cache.ts';
import { LibtorchError } from '../../lib/errors.ts';
import { locateLibtorch } from '../../lib/libtorch/find/locate.ts';
import { elf, torchFiles, writeFiles } from './fake-archives.ts';

let folder: string;
let env: Record<string, string>;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ibn-locate-'));
  env = { IBN_NET_CACHE: join(folder, 'cache') };
});

afterEach(() => rm(folder, { recursive: true }));

function locate(more: Record<string, string> = {}) {
  return locateLibtorch({ env: { ...env, ...more }, platform: 'linux', arch: 'x64' });
}

/** The error's whole message, with the test's folder written as TMP. */
function failure(more: Record<string, string> = {}): string {
  try {
    locate(more);
  } catch (error) {
    expect(error).toBeInstanceOf(LibtorchError);
    return `${(error as LibtorchError).code}: ${(error as Error).message.replaceAll(folder, 'TMP')}`;
  }
  throw new Error('Expected locateLibtorch to throw');
}

/** The first line after the heading: the place looked at last, with its reason. */
function reason(more: Record<string, string>): string | undefined {
  const places = failure(more).split('\nPossible solutions')[0] ?? '';
  return places.split('\n').at(-1);
}

async function putInCache(name: string, version = name): Promise<string> {
  const path = join(folder, 'cache', 'libtorch', name);
  await writeFiles(path, torchFiles(version));
  return path;
}

describe('libtorch is found', () => {
  it('lists every place and the commands that help when there is none', () => {
    expect(failure()).toMatchInlineSnapshot(`
      "ERR_LIBTORCH_NOT_FOUND: Could not find libtorch for linux-x64:
      - LIBTORCH: not set
      - LIBTORCH_USE_PYTORCH: not set to 1
      - TMP/cache/libtorch: no such folder
      Possible solutions:
      - Install the CPU build in the cache folder: npx ibn-net install-libtorch
      - Install the CUDA 13 build in the cache folder: npx ibn-net install-libtorch --cuda
      - Use a libtorch folder: export LIBTORCH=/path/to/libtorch
      - Use the active Python's torch: export LIBTORCH_USE_PYTORCH=1"
    `);
  });

  it('takes the folder in LIBTORCH before the cache', async () => {
    await putInCache('2.13.0+cpu');
    await writeFiles(folder, torchFiles('2.12.1+cpu'));
    const root = join(folder, 'torch');
    expect(locate({ LIBTORCH: root })).toEqual({
      root,
      libDir: join(root, 'lib'),
      includeDirs: [join(root, 'include'), join(root, 'include/torch/csrc/api/include')],
      version: '2.12.1',
      flavour: 'cpu',
      cudaLibDirs: [],
      cudaIncludeDirs: [],
      source: 'LIBTORCH',
    });
  });

  it.each(['torch', 'torch/lib', '.'])('takes LIBTORCH=%s of a site-packages folder', async (path) => {
    await writeFiles(folder, torchFiles('2.13.0+cpu'));
    expect(locate({ LIBTORCH: join(folder, path) }).root).toBe(join(folder, 'torch'));
  });

  it('reads the version of a libtorch zip', async () => {
    const { 'libtorch/version.py': _, ...files } = torchFiles('2.14.1+cu130', 'libtorch');
    await writeFiles(folder, { ...files, 'libtorch/build-version': '2.14.1+cu130\n' });
    const { version, flavour } = locate({ LIBTORCH: join(folder, 'libtorch') });
    expect([version, flavour]).toEqual(['2.14.1', 'cu130']);
  });

  it('reads the flavour of a version without one', async () => {
    await writeFiles(folder, torchFiles('2.14.1'));
    await writeFile(
      join(folder, 'torch/version.py'),
      "__version__ = '2.14.1'\ncuda: Optional[str] = '13.0'\n",
    );
    expect(locate({ LIBTORCH: folder }).flavour).toBe('cu130');
  });

  it('lists the folders of the nvidia packages beside a CUDA wheel', async () => {
    await writeFiles(folder, { ...torchFiles('2.14.1+cu130'), 'nvidia/cu13/lib/libcudart.so.13': '' });
    await writeFiles(folder, { 'nvidia/cudnn/lib/x': '', 'nvidia/cudnn/include/x': '' });
    const found = locate({ LIBTORCH: folder });
    expect(found.cudaLibDirs).toEqual([join(folder, 'nvidia/cu13/lib'), join(folder, 'nvidia/cudnn/lib')]);
    expect(found.cudaIncludeDirs).toEqual([join(folder, 'nvidia/cudnn/include')]);
  });

  it('does not pass over a LIBTORCH that points to nothing', async () => {
    await putInCache('2.13.0+cpu');
    expect(failure({ LIBTORCH: '/no/such/libtorch' })).toMatchInlineSnapshot(`
      "ERR_LIBTORCH_SETTING: Could not find libtorch for linux-x64:
      - LIBTORCH=/no/such/libtorch: no such folder
      Possible solutions:
      - Use the cache folder instead: unset LIBTORCH && npx ibn-net install-libtorch
      - Correct it: export LIBTORCH=/path/to/libtorch"
    `);
  });

  it('says why a LIBTORCH cannot be used', async () => {
    await writeFiles(folder, { ...torchFiles('2.13.0+cpu'), file: '', 'empty/lib/x': '' });
    expect(reason({ LIBTORCH: join(folder, 'file') })).toBe('- LIBTORCH=TMP/file: not a folder');
    expect(reason({ LIBTORCH: join(folder, 'empty') })).toBe(
      '- LIBTORCH=TMP/empty: has no lib/libtorch_cpu.so',
    );
    await writeFile(join(folder, 'torch/lib/libc10.so'), elf(183));
    expect(reason({ LIBTORCH: folder })).toBe(`- LIBTORCH=TMP: is built for arm64, this process is x64`);
    await rm(join(folder, 'torch/lib/libc10.so'));
    expect(reason({ LIBTORCH: folder })).toBe('- LIBTORCH=TMP: has no lib/libc10.so');
  });

  it('says that a version is not supported, or not told', async () => {
    await writeFiles(folder, torchFiles('2.9.1+cpu'));
    expect(reason({ LIBTORCH: folder })).toBe(
      '- LIBTORCH=TMP: version 2.9.1 is not supported, expected 2.11 to 2.14',
    );
    await rm(join(folder, 'torch/version.py'));
    expect(reason({ LIBTORCH: folder })).toBe(
      '- LIBTORCH=TMP: does not tell its version (no version.py, build-version or share/cmake)',
    );
  });

  it('prefers 2.13.0+cpu in the cache, then the newest', async () => {
    await putInCache('2.12.0+cpu');
    await putInCache('2.14.1+cu130');
    await putInCache('2.9.0+cpu');
    expect(locate()).toMatchObject({ version: '2.14.1', flavour: 'cu130', source: 'cache' });
    await putInCache('2.13.0+cpu');
    expect(locate()).toMatchObject({ version: '2.13.0', flavour: 'cpu', source: 'cache' });
  });

  it.each(['2.14.1+cu130', '2.14.1', '2.14'])(
    'takes IBN_NET_LIBTORCH_VERSION=%s from the cache',
    async (wanted) => {
      await putInCache('2.13.0+cpu');
      await putInCache('2.14.1+cu130');
      expect(locate({ IBN_NET_LIBTORCH_VERSION: wanted }).version).toBe('2.14.1');
    },
  );

  it('does not pass over an IBN_NET_LIBTORCH_VERSION that is not there', async () => {
    await putInCache('2.13.0+cpu');
    expect(failure({ IBN_NET_LIBTORCH_VERSION: '2.14.1+cu130' })).toMatchInlineSnapshot(`
      "ERR_LIBTORCH_SETTING: Could not find libtorch for linux-x64:
      - LIBTORCH: not set
      - LIBTORCH_USE_PYTORCH: not set to 1
      - TMP/cache/libtorch: no 2.14.1+cu130 (IBN_NET_LIBTORCH_VERSION)
      Possible solutions:
      - Use the default version instead: unset IBN_NET_LIBTORCH_VERSION && npx ibn-net install-libtorch
      - Install that version: npx ibn-net install-libtorch --version 2.14.1+cu130"
    `);
  });

  it('ignores unfinished installations and tells unusable ones', async () => {
    await putInCache('.installing-2.13.0+cpu-abc', '2.13.0+cpu');
    expect(reason({})).toBe('- TMP/cache/libtorch: nothing installed');
    await putInCache('2.13.0+cpu');
    await rm(join(folder, 'cache/libtorch/2.13.0+cpu/torch/lib/libtorch_cpu.so'));
    expect(reason({})).toBe('- TMP/cache/libtorch/2.13.0+cpu: has no lib/libtorch_cpu.so');
  });
});

describe('the torch of the active Python', () => {
  /** A python3 that prints what the real one would. */
  async function fakePython(script: string): Promise<Record<string, string>> {
    const bin = join(folder, 'bin');
    await mkdir(bin, { recursive: true });
    await writeFile(join(bin, 'python3'), `#!/bin/sh\n${script}\n`);
    await chmod(join(bin, 'python3'), 0o755);
    return { LIBTORCH_USE_PYTORCH: '1', PATH: `${bin}:/usr/bin:/bin` };
  }

  it('is used when LIBTORCH_USE_PYTORCH is 1', async () => {
    await putInCache('2.12.0+cpu');
    const site = join(folder, 'site-packages');
    await writeFiles(site, torchFiles('2.13.0+cpu'));
    const settings = await fakePython(`echo '["/usr/bin/python3", "${site}/torch"]'`);
    const found = locate(settings);
    expect(found).toMatchObject({ root: join(site, 'torch'), source: 'LIBTORCH_USE_PYTORCH' });
    expect(locate({ ...settings, LIBTORCH_USE_PYTORCH: '0' }).source).toBe('cache');
  });

  it('is found without importing it', async () => {
    const site = join(folder, 'site-packages');
    await writeFiles(site, { ...torchFiles('2.13.0+cpu'), 'torch/__init__.py': 'raise SystemExit(9)\n' });
    const settings = { LIBTORCH_USE_PYTORCH: '1', PYTHONPATH: site, PATH: process.env.PATH ?? '' };
    expect(locate(settings).root).toBe(join(site, 'torch'));
  });

  it('is an error when it is missing, never passed over', async () => {
    await putInCache('2.13.0+cpu');
    expect(failure(await fakePython(`echo '["/usr/bin/python3", null]'`))).toMatchInlineSnapshot(`
      "ERR_LIBTORCH_SETTING: Could not find libtorch for linux-x64:
      - LIBTORCH: not set
      - LIBTORCH_USE_PYTORCH=1: /usr/bin/python3 has no torch package
      Possible solutions:
      - Use the cache folder instead: unset LIBTORCH_USE_PYTORCH && npx ibn-net install-libtorch
      - Give this Python a torch: python3 -m pip install 'torch==2.13.*'"
    `);
    expect(reason(await fakePython('echo Traceback >&2; echo "SyntaxError: no" >&2; exit 1'))).toBe(
      '- LIBTORCH_USE_PYTORCH=1: python3 failed: SyntaxError: no',
    );
    expect(reason({ LIBTORCH_USE_PYTORCH: '1', PATH: folder })).toBe(
      '- LIBTORCH_USE_PYTORCH=1: neither python3 nor python is on PATH',
    );
    expect(reason({ LIBTORCH_USE_PYTORCH: 'yes' })).toBe('- LIBTORCH_USE_PYTORCH=yes: expected 1 or 0');
  });
});

describe('the cache folder', () => {
  it('follows the settings and each system', () => {
    const home = { HOME: '/home/me' };
    expect(cacheFolder({ ...home, IBN_NET_CACHE: '/data' }, 'linux')).toBe('/data');
    expect(cacheFolder({ ...home, XDG_CACHE_HOME: '/xdg' }, 'linux')).toBe('/xdg/ibn-net');
    expect(cacheFolder(home, 'linux')).toBe('/home/me/.cache/ibn-net');
    expect(cacheFolder(home, 'darwin')).toBe('/home/me/Library/Caches/ibn-net');
    expect(cacheFolder({ LOCALAPPDATA: 'C:/Local' }, 'win32')).toBe('C:/Local/ibn-net/Cache');
  });
});
