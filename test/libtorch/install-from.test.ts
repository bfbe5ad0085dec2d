import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it, vi } from 'vitest';
import { serve } from './bad-server.ts';
import { makeZip, pin, torchFiles, torchWheel, wheel, writeFiles } from './fake-archives.ts';
import { build, filesIn, NAME, useSetup, WHEEL } from './install-setup.ts';

const setup = useSetup();

async function put(name: string, content: Buffer): Promise<string> {
  const path = join(setup.folder, name);
  await writeFile(path, content);
  return path;
}

describe('--from', () => {
  it('installs a wheel that is in the table without a warning', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockReturnValue();
    const installed = await setup.install({ from: await put(NAME, WHEEL) });
    expect(installed).toMatchObject({ version: '2.13.0', flavour: 'cpu', alreadyThere: false });
    expect(warn).not.toHaveBeenCalled();
    expect(setup.server.seen).toEqual([]);
    warn.mockRestore();
  });

  it('warns with the sha256 of a wheel that is not', async () => {
    const content = torchWheel({ version: '2.12.1+cpu' });
    const name = 'torch-2.12.1+cpu-cp313-cp313-manylinux_2_28_x86_64.whl';
    const warn = vi.spyOn(process, 'emitWarning').mockReturnValue();
    const installed = await setup.install({ from: await put(name, content) });
    expect(installed.version).toBe('2.12.1');
    const message = `${name} is not in the table of pinned files; its sha256 is ${pin(name, content).sha256}`;
    expect(warn).toHaveBeenCalledExactlyOnceWith(message, { code: 'IBN_LIBTORCH_UNPINNED' });
    warn.mockRestore();
  });

  it('installs a libtorch zip, by path and by file URL', async () => {
    const { 'libtorch/version.py': _, ...files } = torchFiles('2.14.0+cpu', 'libtorch');
    const path = await put('libtorch.zip', makeZip({ ...files, 'libtorch/build-version': '2.14.0+cpu\n' }));
    const warn = vi.spyOn(process, 'emitWarning').mockReturnValue();
    const installed = await setup.install({ from: path });
    expect(installed.root).toBe(join(setup.cache, 'libtorch/2.14.0+cpu/libtorch'));
    expect((await setup.install({ from: pathToFileURL(path).href })).alreadyThere).toBe(true);
    warn.mockRestore();
  });

  it('installs from a URL, with the hash in its fragment', async () => {
    const content = torchWheel({ version: '2.12.1+cpu' });
    const { sha256 } = pin('', content);
    setup.server.handlers.set('/torch.whl', serve(content));
    const from = `${setup.server.url}/torch.whl`;
    expect(await setup.failure({ from: `${from}#sha256=${'0'.repeat(64)}` })).toBe(
      `SERVER/torch.whl: expected sha256 ${'0'.repeat(64)}, got ${sha256}`,
    );
    expect((await setup.install({ from: `${from}#sha256=${sha256}` })).version).toBe('2.12.1');
    expect(await filesIn(join(setup.cache, 'downloads'))).toEqual([]);
  });

  it('finds the torch wheel in a folder of wheels', async () => {
    await put(NAME, WHEEL);
    await put('torch-2.12.0+cpu-cp311-cp311-linux_x86_64.whl', torchWheel({ version: '2.12.0+cpu' }));
    await put('other-1.0-py3-none-any.whl', wheel('other', '1.0', { 'other.py': '' }));
    expect(await setup.failure({ from: setup.folder })).toBe(
      '--from TMP: holds several: torch-2.12.0+cpu-cp311-cp311-linux_x86_64.whl, ' +
        'torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl; name one of them, or give --version',
    );
    expect((await setup.install({ from: setup.folder, version: '2.13.0' })).version).toBe('2.13.0');
  });

  it('copies an unpacked libtorch', async () => {
    const site = join(setup.folder, 'site');
    await writeFiles(site, { ...torchFiles('2.14.1+cu130'), 'torch/nn/__init__.py': '' });
    expect(await setup.failure({ from: site })).toBe(
      'The new libtorch is a cu130 build without the nvidia libraries it requires',
    );
    await writeFiles(site, { 'nvidia/cu13/lib/libcudart.so.13': 'x', 'nvidia/cu13/bin/tool': 'x' });
    const installed = await setup.install({ from: site });
    expect(installed.cudaLibDirs).toEqual([join(setup.cache, 'libtorch/2.14.1+cu130/nvidia/cu13/lib')]);
    const files = await filesIn(setup.cache);
    expect(files.filter((name) => /__init__|tool/.test(name))).toEqual([]);
  });

  it('says what is wrong with what it is given', async () => {
    const empty = join(setup.folder, 'empty');
    await mkdir(empty);
    const other = await put('other.whl', wheel('other', '1.0', { 'other.py': '' }));
    const old = await put('old.whl', torchWheel({ version: '2.9.0+cpu' }));
    const cpu = await put(NAME, WHEEL);
    expect(await setup.failure({ from: '/no/such.whl' })).toBe('--from /no/such.whl: no such file or folder');
    expect(await setup.failure({ from: empty })).toBe(
      '--from TMP/empty: holds neither libtorch nor a torch wheel that was asked for',
    );
    expect(await setup.failure({ from: other })).toBe(
      '--from TMP/other.whl: is neither a libtorch zip nor a torch wheel',
    );
    expect(await setup.failure({ from: old })).toBe(
      '--from TMP/old.whl: version 2.9.0 is not supported, expected 2.11 to 2.14',
    );
    expect(await setup.failure({ from: cpu, cuda: true })).toBe(
      `--from TMP/${NAME}: expected flavour cuda, got cpu`,
    );
    expect(await setup.failure({ from: cpu, version: '2.14.0' })).toBe(
      `--from TMP/${NAME}: expected version 2.14.0, got 2.13.0`,
    );
    expect(await readdir(setup.folder)).not.toContain('cache/libtorch/2.13.0+cpu');
  });

  it('refuses other contents under a pinned name', async () => {
    const content = torchWheel({ version: '2.13.0+cpu', files: { 'torch/lib/libc10.so': 'other' } });
    expect(await setup.failure({ from: await put(NAME, content) })).toBe(
      `--from TMP/${NAME}: ${NAME}: expected sha256 ${pin(NAME, WHEEL).sha256}, got ${pin(NAME, content).sha256}`,
    );
  });
});

describe('archives that are not what they seem', () => {
  async function refusal(content: Buffer): Promise<string> {
    const warn = vi.spyOn(process, 'emitWarning').mockReturnValue();
    const message = await setup.failure({ from: await put('bad.whl', content) });
    warn.mockRestore();
    expect(await filesIn(setup.folder)).toEqual(['bad.whl', 'bin/python3']);
    return message;
  }

  it('are refused when a name leads out of the folder', async () => {
    const evil = torchWheel({ version: '2.13.0+cpu', files: { 'torch/include/../../../../evil': 'x' } });
    expect(await refusal(evil)).toBe('bad.whl: invalid relative path: torch/include/../../../../evil');
    const absolute = torchWheel({ version: '2.13.0+cpu', files: { '/etc/evil': 'x' } });
    expect(await refusal(absolute)).toBe('bad.whl: absolute path: /etc/evil');
  });

  it('are refused when they hold a symbolic link', async () => {
    const files = { ...torchFiles('2.13.0+cpu'), 'torch/lib/libx.so': '/etc/passwd' };
    expect(await refusal(makeZip(files, { 'torch/lib/libx.so': 0o120777 }))).toBe(
      'bad.whl: refused "torch/lib/libx.so", it is a symbolic link',
    );
  });

  it('are refused when a byte is wrong or the end is missing', async () => {
    const stored = torchWheel({ version: '2.13.0+cpu' });
    const damaged = Buffer.from(stored);
    const at = damaged.indexOf('torch/lib/libgomp.so.1') + 'torch/lib/libgomp.so.1'.length + 1;
    damaged.writeUInt8(damaged.readUInt8(at) ^ 1, at);
    expect(await refusal(damaged)).toMatch(/^bad\.whl: ("torch\/lib\/libgomp\.so\.1" is damaged|.*)$/);
    expect(await refusal(stored.subarray(0, stored.length - 100))).toMatch(
      /^bad\.whl: end of central directory/i,
    );
  });
});

describe('a CUDA wheel and the wheels it requires', () => {
  const requires = [
    'numpy',
    'cuda-toolkit[cublas,cudart]==13.0.3; platform_system == "Linux"',
    'nvidia-cudnn-cu13==9.24.0.43; platform_system == "Linux"',
    'triton~=3.8.0; platform_system == "Linux"',
  ];
  const toolkit = wheel('cuda_toolkit', '13.0.3.0', {}, [
    "nvidia-cublas==13.1.1.3.*; sys_platform == 'linux' and extra == 'cublas'",
    "nvidia-cuda-runtime==13.0.96.*; sys_platform == 'linux' and extra == 'cudart'",
    "nvidia-cufft==12.0.0.61.*; sys_platform == 'linux' and extra == 'cufft'",
  ]);
  const cublas = wheel('nvidia_cublas', '13.1.1.3', { 'nvidia/cu13/lib/libcublas.so.13': 'cublas' });
  const runtime = wheel('nvidia_cuda_runtime', '13.0.96', {
    'nvidia/cu13/lib/libcudart.so.13': 'cudart',
    'nvidia/cu13/include/cuda_runtime.h': '',
  });
  const cudnn = wheel('nvidia_cudnn_cu13', '9.24.0.43', { 'nvidia/cudnn/lib/libcudnn.so.9': 'x' }, [
    'nvidia-cublas',
  ]);
  const torch = torchWheel({ version: '2.14.1+cu130', release: '2.14.1', requires });
  const files = {
    'torch-2.14.1-py3-none-any.whl': torch,
    'cuda_toolkit-13.0.3.0-py2.py3-none-any.whl': toolkit,
    'nvidia_cublas-13.1.1.3-py3-none-any.whl': cublas,
    'nvidia_cuda_runtime-13.0.96-py3-none-any.whl': runtime,
    'nvidia_cudnn_cu13-9.24.0.43-py3-none-any.whl': cudnn,
  };
  const builds = [
    build(
      '2.14.1',
      'cu130',
      Object.entries(files).map(([name, content]) => pin(name, content)),
    ),
  ];

  async function expectLaidOut(): Promise<void> {
    const laid = await filesIn(join(setup.cache, 'libtorch/2.14.1+cu130'));
    expect(laid.filter((name) => name.startsWith('nvidia/') || name.startsWith('torch/lib/'))).toEqual([
      'nvidia/cu13/include/cuda_runtime.h',
      'nvidia/cu13/lib/libcublas.so.13',
      'nvidia/cu13/lib/libcudart.so.13',
      'nvidia/cudnn/lib/libcudnn.so.9',
      'torch/lib/libc10.so',
      'torch/lib/libgomp.so.1',
      'torch/lib/libtorch.so',
      'torch/lib/libtorch_cpu.so',
    ]);
  }

  it("are laid out as pip would, from pip's index", async () => {
    await writeFiles(setup.links, files);
    expect((await setup.install({ cuda: true, builds })).flavour).toBe('cu130');
    await expectLaidOut();
  });

  it('are found beside a wheel given with --from', async () => {
    await writeFiles(setup.folder, files);
    await setup.install({ from: join(setup.folder, 'torch-2.14.1-py3-none-any.whl'), builds });
    await expectLaidOut();
  });

  it('are fetched from a mirror, which is asked once when it cannot be reached', async () => {
    const served = Object.entries(files).slice(0, 4);
    for (const [name, content] of served) setup.server.handlers.set(`/mirror/cu130/${name}`, serve(content));
    await writeFiles(setup.links, files);
    const env = { ...setup.env, IBN_NET_LIBTORCH_MIRROR: `${setup.server.url}/mirror` };
    await setup.install({ cuda: true, builds, env, site: 'http://no-such-host.invalid' });
    await expectLaidOut();
    expect(setup.lines.filter((line) => line.startsWith('Not from http://no-such-host'))).toHaveLength(1);
  });

  it('are never installed in part', async () => {
    const { 'nvidia_cuda_runtime-13.0.96-py3-none-any.whl': _, ...others } = files;
    await writeFiles(setup.links, others);
    expect(await setup.failure({ cuda: true, builds })).toContain(
      'Could not get nvidia-cuda-runtime==13.0.96.*:',
    );
    expect(await readdir(join(setup.cache, 'libtorch'))).toEqual([]);
  });
});
