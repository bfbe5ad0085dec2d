import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root, tmp } from './helpers/index.ts';

/** A folder whose node_modules holds this package, as an installed dependency. */
function consumer(files: Record<string, string>): string {
  const folder = tmp();
  mkdirSync(join(folder, 'node_modules', '@types'), { recursive: true });
  symlinkSync(root, join(folder, 'node_modules', 'ibn-net'));
  symlinkSync(join(root, 'node_modules/@types/node'), join(folder, 'node_modules/@types/node'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

function run(folder: string, command: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, encoding: 'utf8' });
  return status === 0 ? stdout + stderr : `exit ${status}\n${stdout}${stderr}`;
}

const PROGRAM = 'console.log(tensor([1, 2]).add(1).toArray(), typeof models.resnet50_ibn_a);';
const OUTPUT = '[ 2, 3 ] function\n';

describe('engineering: the package', () => {
  it('serves ESM consumers', () => {
    const folder = consumer({ 'main.mjs': `import { models, tensor } from 'ibn-net';\n${PROGRAM}` });
    expect(run(folder, process.execPath, 'main.mjs')).toBe(OUTPUT);
  });

  it('serves CommonJS consumers, with the same classes as ESM', () => {
    const folder = consumer({
      'main.cjs': `const { models, tensor, Tensor } = require('ibn-net');\n${PROGRAM}
        import('ibn-net').then((esm) => console.log(esm.Tensor === Tensor));`,
    });
    expect(run(folder, process.execPath, 'main.cjs')).toBe(`${OUTPUT}true\n`);
  });

  it('serves TypeScript consumers, strict, as ESM and as CommonJS', () => {
    const program = `import { models, noGrad, type Tensor, tensor } from 'ibn-net';
      const y: Tensor = noGrad(() => models.resnet18_ibn_a({ numClasses: 2 }).forward(tensor([1]).add(1, { alpha: 2 })));
      const shape: number[] = y.shape;
      // @ts-expect-error: no such option
      tensor([1]).sum([0], { keepDim: true });
      console.log(shape);`;
    const options = {
      strict: true,
      module: 'nodenext',
      target: 'es2022',
      noEmit: true,
      lib: ['es2023', 'esnext.disposable'],
      types: ['node'],
    };
    const folder = consumer({
      'main.mts': program,
      'main.cts': program,
      'package.json': '{ "type": "module" }',
      'tsconfig.json': JSON.stringify({ compilerOptions: options, files: ['main.mts', 'main.cts'] }),
    });
    const compiler = join(root, 'node_modules/typescript/bin/tsc');
    expect(run(folder, process.execPath, compiler, '-p', '.')).toBe('');
  });

  it('packs what it needs at run time and to build, and nothing large or private', () => {
    const listing = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
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
      'CMakeLists.txt',
      'LICENSE',
      'README.md',
    ]) {
      expect(paths).toContain(needed);
    }
    expect(paths.filter((path) => /^(test|bench|node_modules|build)/.test(path))).toEqual([]);
    expect(packed?.files.filter(({ size }) => size > 4_000_000)).toEqual([]);
  });

  it('runs no script when it is installed from the registry', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: object };
    for (const name of ['preinstall', 'install', 'postinstall']) expect(scripts).not.toHaveProperty(name);
  });
});
