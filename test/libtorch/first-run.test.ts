import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { locateLibtorch } from '../../lib/libtorch/find/locate.ts';
import { bindingName, librariesOf } from '../../lib/libtorch/find/native-module.ts';
import { tryLoading } from '../../lib/libtorch/load/trial.ts';
import { ABORTS, compile, hasCompiler } from '../helpers/fakes.ts';
import { dist, root, tmp } from '../helpers/index.ts';
import { torchFiles, writeFiles } from './fake-archives.ts';
import { runNode } from './run-node.ts';

const libtorch = locateLibtorch();
const release = process.env.IBN_NET_BINDING_DIR ?? join(root, 'build', 'Release');
// The sanitizer's runtime has to come first in every process that loads its build.
const isSanitized = process.env.IBN_NET_SANITIZE === '1';

/** What importing the package and using it prints, in a process with exactly this environment. */
function use(env: Record<string, string | undefined>) {
  const program = `
    try {
      const { tensor } = await import(${JSON.stringify(join(dist, 'tensor/index.js'))});
      console.log(tensor([1, 2]).sum().item());
    } catch (error) { console.log(error.name, error.code); console.log(error.message); }`;
  return runNode(['--input-type=module', '-e', program], { PATH: process.env.PATH, ...env });
}

/** A libtorch folder whose files are the real ones, but for some. */
function libtorchWith(change: (lib: string) => void): string {
  const folder = join(tmp(), 'torch');
  const lib = join(folder, 'lib');
  mkdirSync(lib, { recursive: true });
  for (const name of ['libtorch.so', 'libtorch_cpu.so', 'libc10.so', 'libgomp.so.1']) {
    const path = join(libtorch.libDir, name);
    if (existsSync(path)) symlinkSync(path, join(lib, name));
  }
  // A CUDA build finds NVIDIA's libraries from where it lies.
  const nvidia = join(dirname(libtorch.root), 'nvidia');
  if (existsSync(nvidia)) symlinkSync(nvidia, join(folder, '..', 'nvidia'));
  writeFileSync(join(folder, 'version.py'), `__version__ = '${libtorch.version}+cpu'\n`);
  change(lib);
  return folder;
}

function replace(lib: string, name: string): string {
  const path = join(lib, name);
  const target = join(libtorch.libDir, name);
  spawnSync('rm', [path]);
  cpSync(target, path);
  return path;
}

describe.skipIf(isSanitized)('loading in a process of its own', () => {
  const paths = {
    shim: join(release, 'ibn_net.node'),
    libraries: librariesOf(libtorch),
    binding: join(release, bindingName(libtorch.version)),
  };

  it('says how long it took', () => {
    expect(tryLoading(paths)).toEqual({ kind: 'loaded', milliseconds: expect.any(Number) });
  });

  it("gives the dynamic linker's reason", () => {
    const outcome = tryLoading({ ...paths, binding: join(dist, 'index.js') });
    expect(outcome).toEqual({ kind: 'refused', reason: expect.stringContaining('invalid ELF header') });
  });

  it('does not wait for ever', () => {
    const outcome = tryLoading(paths, { timeout: 1 });
    expect(outcome).toEqual({ kind: 'died', how: 'a time limit of 0.001 s', said: '' });
  });

  it('is not troubled by NODE_OPTIONS', () => {
    const env = { ...process.env, NODE_OPTIONS: '--require /no/such/file' };
    expect(tryLoading(paths, { env }).kind).toBe('loaded');
  });
});

describe.skipIf(isSanitized)('a libtorch that a person brought', () => {
  it('is tried once, and remembered', async () => {
    const cache = tmp();
    const env = { LIBTORCH: libtorchWith(() => undefined), IBN_NET_CACHE: cache };
    expect(await use(env)).toEqual({ status: 0, stdout: '3\n', stderr: '' });
    expect(spawnSync('ls', [join(cache, 'loaded')], { encoding: 'utf8' }).stdout).toMatch(/^[0-9a-f]{32}\n$/);
    expect((await use(env)).stdout).toBe('3\n');
  });

  it('is used at once where nothing can be remembered: a read-only home', async () => {
    const env = { LIBTORCH: libtorchWith(() => undefined), IBN_NET_CACHE: '/sys/ibn-net' };
    expect(await use(env)).toEqual({ status: 0, stdout: '3\n', stderr: '' });
  });

  it('that is cut off gives a message, though loading it may end a process', async () => {
    const LIBTORCH = libtorchWith((lib) => truncateSync(replace(lib, 'libc10.so'), 700_000));
    const { status, stdout } = await use({ LIBTORCH, IBN_NET_CACHE: tmp() });
    expect(status).toBe(0);
    expect(stdout).toMatch(/^LibtorchError ERR_NATIVE_MODULE_(CRASH|LOAD)\nCould not load libtorch /);
    expect(stdout).toContain(
      "- Use the cache folder's libtorch instead: unset LIBTORCH && npx ibn-net install-libtorch",
    );
  });

  it.skipIf(!hasCompiler)('that ends the process gives a message', async () => {
    const LIBTORCH = libtorchWith((lib) => {
      spawnSync('rm', [join(lib, 'libtorch_cpu.so')]);
      compile(ABORTS, join(lib, 'libtorch_cpu.so'));
    });
    const { status, stdout } = await use({ LIBTORCH, IBN_NET_CACHE: tmp() });
    expect(status).toBe(0);
    expect(stdout.replaceAll(LIBTORCH, 'TORCH').replaceAll(libtorch.version, 'VERSION')).toBe(
      `LibtorchError ERR_NATIVE_MODULE_CRASH
Could not load libtorch VERSION (cpu) from TORCH:
- a process that tried was ended by SIGABRT
Possible solutions:
- Use the cache folder's libtorch instead: unset LIBTORCH && npx ibn-net install-libtorch
- Compile the native module for it here: npx ibn-net build
`,
    );
  });

  it.skipIf(!hasCompiler)('of another build gives a message: a symbol is missing', async () => {
    const LIBTORCH = libtorchWith((lib) => {
      spawnSync('rm', [join(lib, 'libtorch_cpu.so')]);
      const core = ['-Wl,--no-as-needed', `-L${lib}`, '-l:libc10.so', '-Wl,-rpath,$ORIGIN'];
      compile('int nothing;', join(lib, 'libtorch_cpu.so'), core);
    });
    const { stdout } = await use({ LIBTORCH, IBN_NET_CACHE: tmp() });
    expect(stdout).toContain('LibtorchError ERR_NATIVE_MODULE_LOAD');
    expect(stdout).toContain('undefined symbol');
    expect(stdout).toContain('npx ibn-net build');
  });

  it('of a version that is not supported is refused before anything is loaded', async () => {
    const folder = tmp();
    await writeFiles(folder, torchFiles('2.9.1+cpu'));
    const { stdout } = await use({ LIBTORCH: folder });
    expect(stdout.replaceAll(folder, 'TMP')).toBe(`LibtorchError ERR_LIBTORCH_SETTING
Could not find libtorch for linux-x64:
- LIBTORCH=TMP: version 2.9.1 is not supported, expected 2.11 to 2.14
Possible solutions:
- Use the cache folder instead: unset LIBTORCH && npx ibn-net install-libtorch
- Correct it: export LIBTORCH=/path/to/libtorch
`);
  });
});

/** The hash of a version's name in ELF files. */
function elfHash(name: string): number {
  let hash = 0;
  for (const byte of Buffer.from(name)) {
    hash = (hash << 4) + byte;
    const high = hash & 0xf0000000;
    if (high !== 0) hash ^= high >>> 24;
    hash &= ~high;
  }
  return hash >>> 0;
}

/** Makes a library ask for a version of glibc that no system has: the name, and the hash by which it is found. */
function askForNewerGlibc(path: string): void {
  const file = readFileSync(path);
  const hash = Buffer.alloc(4);
  hash.writeUInt32LE(elfHash('GLIBC_2.2.5'));
  const at = file.indexOf(hash);
  const name = file.indexOf('GLIBC_2.2.5\0');
  if (at < 0 || name < 0) throw new Error(`Expected ${basename(path)} to need GLIBC_2.2.5`);
  file.writeUInt32LE(elfHash('GLIBC_9.9.9'), at);
  file.write('GLIBC_9.9.9', name);
  writeFileSync(path, file);
}

describe.skipIf(isSanitized)('a native module that does not fit the system', () => {
  it('of a newer glibc gives one message', async () => {
    const folder = tmp();
    cpSync(release, folder, { recursive: true });
    askForNewerGlibc(join(folder, 'ibn_net.node'));
    const { stdout } = await use({
      HOME: process.env.HOME,
      LIBTORCH: libtorch.root,
      IBN_NET_BINDING_DIR: folder,
    });
    expect(stdout).toMatch(/^LibtorchError ERR_NATIVE_MODULE_LOAD\nCould not load libtorch /);
    expect(stdout).toContain("version `GLIBC_9.9.9' not found");
    expect(stdout).toContain('- Compile the native module for it here: npx ibn-net build\n- Use Debian 10,');
    expect(stdout.match(/Possible solutions/g)).toHaveLength(1);
  });
});

describe('a home that cannot be written', () => {
  it('gives one message when libtorch is to be installed', async () => {
    const wheel = join(tmp(), 'none.whl');
    const env = { PATH: process.env.PATH, IBN_NET_CACHE: '/sys/ibn-net' };
    const { status, stdout, stderr } = await runNode(
      [join(dist, 'cli/main.js'), 'install-libtorch', '--version', '2.13.0'],
      { ...env, IBN_NET_LIBTORCH_MIRROR: dirname(wheel), PIP_NO_INDEX: '1' },
    );
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr.replace(/E[A-Z]+ \([^)]*\)/, 'REASON')).toBe(
      `Expected to write the cache folder /sys/ibn-net, got REASON
Possible solutions:
- Use another folder, and set it for your program as well: export IBN_NET_CACHE=/path/to/folder && npx ibn-net install-libtorch
`,
    );
  });
});
