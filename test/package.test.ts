import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as cuda from '../lib/cuda/index.ts';
import { locateLibtorch } from '../lib/libtorch/find/locate.ts';
import { minorOf } from '../lib/libtorch/find/native-module.ts';
import { checkFiles, NEWEST } from '../scripts/package/check-files.mjs';
import {
  barePath,
  cacheWith,
  consumerEnvironment,
  install,
  npm,
  pack,
  readmeProgram,
} from '../scripts/package/consumer.mjs';
import { root } from './helpers/index.ts';
import { elf, torchFiles, writeFiles } from './libtorch/fake-archives.ts';
import { runNode } from './libtorch/run-node.ts';

// The binding for the libtorch in use is compiled already; scripts/package/check.mjs does every libtorch and Node.
const libtorch = locateLibtorch();
const minor = minorOf(libtorch.version);

let folder: string;
let tarball: string;
let env: Record<string, string>;
/** The folder of a consumer, and the package in it. */
let consumer: string;
let installed: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ibn-package-'));
  tarball = pack(folder, { only: minor, reuse: true });
  env = consumerEnvironment(barePath(folder), { IBN_NET_CACHE: cacheWith(libtorch, folder) });
  consumer = join(folder, 'consumer');
  installed = install(tarball, consumer, env);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a consumer's file; what it printed, or how it failed. */
async function run(args: string[], more: Record<string, string> = {}) {
  const { status, stdout, stderr } = await runNode(args, { ...env, ...more });
  return status === 0 ? stdout : `exit ${status}\n${stdout}${stderr}`;
}

async function runFile(name: string, text: string) {
  writeFileSync(join(consumer, name), text);
  return run([join(consumer, name)]);
}

const cli = (...args: string[]) => [join(consumer, 'node_modules/.bin/ibn-net'), ...args];
const PROGRAM = 'console.log(tensor([1, 2]).add(1).toArray(), typeof models.resnet50_ibn_a);';
const OUTPUT = '[ 2, 3 ] function\n';

describe('the packed tarball, installed without compiler, Python or shell', () => {
  it("runs the README's program", async () => {
    const { file, output } = readmeProgram(consumer);
    expect(await run([file])).toBe(output);
  });

  it("runs it with npm's scripts switched off", async () => {
    const other = join(folder, 'no-scripts');
    install(tarball, other, env, ['--ignore-scripts']);
    const { file, output } = readmeProgram(other);
    expect(await run([file])).toBe(output);
  });

  it('has no script, of its own or of a dependency, that an installation would run', () => {
    const lock = JSON.parse(readFileSync(join(consumer, 'node_modules/.package-lock.json'), 'utf8')) as {
      packages: Record<string, { hasInstallScript?: boolean }>;
    };
    expect(Object.keys(lock.packages).length).toBeGreaterThan(10);
    expect(Object.keys(lock.packages).filter((name) => lock.packages[name]?.hasInstallScript)).toEqual([]);
    expect(existsSync(join(installed, 'binding.gyp'))).toBe(false);
  });

  it('uses the prebuilt native module', async () => {
    const info = JSON.parse(await run(cli('info', '--json'))) as { binding: string };
    expect(info.binding).toBe(
      join(installed, `prebuilds/${process.platform}-${process.arch}/binding-${minor}.so`),
    );
  });

  it('serves ESM consumers', async () => {
    const text = `import { models, tensor } from 'ibn-net';\n${PROGRAM}`;
    expect(await runFile('main.mjs', text)).toBe(OUTPUT);
  });

  it('serves CommonJS consumers, with the same classes as ESM', async () => {
    const text = `const { models, tensor, Tensor } = require('ibn-net');\n${PROGRAM}
      import('ibn-net').then((esm) => console.log(esm.Tensor === Tensor));`;
    expect(await runFile('main.cjs', text)).toBe(`${OUTPUT}true\n`);
  });

  it('serves TypeScript consumers, strict, as ESM and as CommonJS', async () => {
    const text = `import { models, noGrad, type Tensor, tensor } from 'ibn-net';
      const y: Tensor = noGrad(() => models.resnet18_ibn_a({ numClasses: 2 }).forward(tensor([1]).add(1, { alpha: 2 })));
      // @ts-expect-error: no such option
      tensor([1]).sum([0], { keepDim: true });
      export const shape: number[] = y.shape;`;
    // The network wants images, so that the types are checked on it and the program runs without.
    const runs = `import { tensor, type Tensor } from 'ibn-net';
      const y: Tensor = tensor([1, 2]).add(1);
      const shape: number[] = y.shape;
      console.log(shape, y.toArray());`;
    const compilerOptions = {
      strict: true,
      module: 'nodenext',
      target: 'es2022',
      outDir: 'out',
      rootDir: '.',
      lib: ['es2023', 'esnext.disposable'],
      types: ['node'],
    };
    const files = { 'check.mts': text, 'check.cts': text, 'runs.mts': runs, 'runs.cts': runs };
    for (const [name, source] of Object.entries(files)) writeFileSync(join(consumer, name), source);
    mkdirSync(join(consumer, 'node_modules/@types'), { recursive: true });
    symlinkSync(join(root, 'node_modules/@types/node'), join(consumer, 'node_modules/@types/node'));
    const config = { compilerOptions, files: Object.keys(files) };
    writeFileSync(join(consumer, 'tsconfig.json'), JSON.stringify(config));
    expect(await run([join(root, 'node_modules/typescript/bin/tsc'), '-p', consumer])).toBe('');
    const printed = '[ 2 ] [ 2, 3 ]\n';
    expect(await run([join(consumer, 'out/runs.mjs')])).toBe(printed);
    expect(await run([join(consumer, 'out/runs.cjs')])).toBe(printed);
  });

  it('serves those who follow docs/getting-started.md: its settings take its programs', async () => {
    const page = readFileSync(join(root, 'docs/getting-started.md'), 'utf8');
    const place = join(consumer, 'started');
    mkdirSync(place);
    writeFileSync(join(place, 'package.json'), '{ "type": "module" }');
    writeFileSync(join(place, 'tsconfig.json'), /```json\n([\s\S]*?)```/.exec(page)?.[1] as string);
    const programs = [...page.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code as string);
    expect(programs.length).toBeGreaterThan(4);
    for (const [i, code] of programs.entries()) writeFileSync(join(place, `step${i}.ts`), code);
    expect(await run([join(root, 'node_modules/typescript/bin/tsc'), '-p', place])).toBe('');
  });

  it('has the shared network and its images for the demo', async () => {
    expect(await run(cli('demo'))).toMatch(/(\d+) of 10 right\./);
  });

  it('finds nothing wrong where nothing is', async () => {
    const printed = await run(cli('doctor'));
    expect(printed).toMatch(/^ok {6}system {9}linux-x64, glibc \d/m);
    expect(printed).toMatch(/^ok {6}native module {2}\S+binding-\S+ \(prebuilt\), loads in \d+ ms$/m);
    // A CUDA build of libtorch without a GPU that it can use is what doctor is there to find.
    const wrong = libtorch.flavour.startsWith('cu') && !cuda.isAvailable() ? ['FAILED  CUDA'] : [];
    expect(printed.match(/^FAILED {2}\S+/gm) ?? []).toEqual(wrong);
  });

  it('names the command that compiles for a libtorch without a prebuild', async () => {
    const torch = join(folder, 'torch-2.11');
    await writeFiles(torch, torchFiles('2.11.0+cpu'));
    const printed = await run([...cli('info')], { LIBTORCH: torch });
    expect(printed).toMatch(/^exit 1\n/);
    const message = printed.slice(printed.indexOf('Could not load'));
    expect(message.replaceAll(installed, 'PACKAGE').replaceAll(env.IBN_NET_CACHE as string, 'CACHE')).toBe(
      `Could not load the native module for linux-x64 and libtorch 2.11.0:
- PACKAGE/build/Release/ibn_net.node: no such file
- CACHE/native/0.1.0-linux-x64/ibn_net.node: no such file
- PACKAGE/prebuilds/linux-x64/binding-2.11.so: no such file
Possible solutions:
- Compile the native module for it here: npx ibn-net build
- Use libtorch ${minor}, for which it comes prebuilt: npx ibn-net install-libtorch
`,
    );
  });

  it('says in one message what compiling needs', async () => {
    const printed = await run(cli('build'));
    expect(printed).toContain('exit 1\n');
    expect(printed.slice(printed.indexOf('Could not compile')).replace(/- Install .*\n/, '')).toBe(
      `Could not compile the native module:
- expected cmake 3.18 or newer, got none on PATH
- expected a C++20 compiler, g++ 11 or clang++ 14 or newer, got none on PATH
- expected make or ninja, got neither on PATH
Possible solutions:
- Use a libtorch for which it comes prebuilt: npx ibn-net install-libtorch
`,
    );
  });
});

describe('the packed files', () => {
  it('load wherever libtorch does: glibc 2.28, libstdc++ of gcc 8, stripped', () => {
    expect(NEWEST).toMatchObject({ GLIBC: '2.28', GLIBCXX: '3.4.22' });
    const files = checkFiles(join(installed, 'prebuilds', `${process.platform}-${process.arch}`));
    expect(files.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['ibn_net.node', `binding-${minor}.so`]),
    );
    expect(files.filter(({ wrong }) => wrong.length > 0)).toEqual([]);
  });

  it('are told from others: newer, not stripped, not ELF', async () => {
    const build = join(root, 'build', 'Release');
    const wrong = checkFiles(build).flatMap((file) => file.wrong);
    expect(wrong).toContain('is not stripped');
    await writeFiles(join(folder, 'odd'), { 'odd.so': elf(62) });
    expect(() => checkFiles(join(folder, 'odd'))).toThrow('Expected a 64-bit little-endian ELF file');
  });

  it('hold what is needed to run and to compile, and nothing large or private', () => {
    const listing = npm(['pack', '--dry-run', '--json', '--ignore-scripts'], {
      cwd: join(folder, 'package'),
    });
    const parsed = JSON.parse(listing) as Record<string, { files: { path: string; size: number }[] }>;
    const [packed] = Object.values(parsed);
    const paths = packed?.files.map(({ path }) => path) ?? [];
    for (const needed of [
      'dist/index.js',
      'dist/index.d.ts',
      'dist/cli/main.js',
      'assets/fashion-mnist-resnet-ibn-a.pth',
      'native/shim.c',
      'native/portable.cmake',
      'CMakeLists.txt',
      'docs/install.md',
      'LICENSE',
      'README.md',
    ]) {
      expect(paths).toContain(needed);
    }
    expect(paths.filter((path) => /^(test|bench|scripts|lib|node_modules|build)/.test(path))).toEqual([]);
    const large = packed?.files.filter(
      ({ path, size }) => size > 4_000_000 && !path.startsWith('prebuilds/'),
    );
    expect(large).toEqual([]);
  });

  it('declare no script, and nothing that npm would build', () => {
    const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as object;
    for (const name of ['scripts', 'devDependencies']) expect(manifest).not.toHaveProperty(name);
    expect(existsSync(join(installed, 'binding.gyp'))).toBe(false);
  });
});
