import { cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type BuildOptions, build, type Format } from 'esbuild';
import { build as viteBuild } from 'vite';
import { beforeEach, describe, expect, it } from 'vitest';
import { root, tmp } from '../helpers/files.ts';
import { type Run, runNode } from './run-node.ts';

const PROGRAM = "import { tensor } from 'ibn-net';\nconsole.log(tensor([1, 2]).add(1).toArray());\n";

/** A project that has the built package installed. */
function project(): string {
  const folder = tmp();
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(root, join(folder, 'node_modules', 'ibn-net'));
  writeFileSync(join(folder, 'package.json'), '{ "name": "app", "version": "3.2.1", "type": "module" }');
  writeFileSync(join(folder, 'main.js'), PROGRAM);
  return folder;
}

let folder: string;
beforeEach(() => {
  folder = project();
});

async function esbuild(format: Format, external: string[], more: BuildOptions = {}): Promise<Run> {
  const outfile = join(folder, 'dist', `${format}-${external.length}.${format === 'cjs' ? 'cjs' : 'mjs'}`);
  await build({
    entryPoints: [join(folder, 'main.js')],
    ...{ outfile, format, external, bundle: true, platform: 'node', logLevel: 'silent' },
    loader: { '.node': 'empty' },
    ...more,
  });
  return runNode([outfile], process.env);
}

async function vite(ssr: object): Promise<Run> {
  const outDir = join(folder, `vite-${Object.keys(ssr)[0]}`);
  await viteBuild({
    root: folder,
    logLevel: 'silent',
    configFile: false,
    ssr,
    build: { ssr: join(folder, 'main.js'), outDir, emptyOutDir: false },
  });
  return runNode([join(outDir, 'main.js')], process.env);
}

function expectAdvice({ status, stdout, stderr }: Run): void {
  expect([status, stdout]).toEqual([1, '']);
  expect(stderr).toContain('Expected ibn-net in a folder of its own, got its code in ');
  expect(stderr).toContain('Mark ibn-net external');
  expect(stderr).toContain("code: 'ERR_BUNDLED'");
  expect(stderr).not.toContain('npx ibn-net build');
}

describe('a bundle that has taken ibn-net in says to mark it external', () => {
  it.each(['esm', 'cjs'] as const)('esbuild, %s', async (format) => {
    expectAdvice(await esbuild(format, []));
  });

  it('vite', async () => {
    expectAdvice(await vite({ noExternal: true }));
  });

  // They keep the address of the module as it was, and give it a `require` that knows only what they packed.
  // scripts/package/bundlers.mjs tries them themselves.
  it('webpack and Next.js, as far as their way is known', async () => {
    const refusing =
      "(path) => { throw Object.assign(new Error('Cannot find module ' + path), { code: 'MODULE_NOT_FOUND' }); }";
    writeFileSync(join(folder, 'module.js'), `export const createRequire = () => ${refusing};`);
    const url = JSON.stringify(pathToFileURL(join(root, 'dist/binding.js')).href);
    const run = await esbuild('esm', ['sharp', 'undici'], {
      alias: { 'node:module': join(folder, 'module.js') },
      define: { 'import.meta.url': url },
    });
    expectAdvice(run);
  });
});

describe('a package copied by hand', () => {
  const copied = async (...more: string[]): Promise<Run> => {
    const place = join(folder, 'vendor/ibn-net');
    cpSync(join(root, 'dist'), join(place, 'dist'), { recursive: true });
    const native = join(place, 'prebuilds', `${process.platform}-${process.arch}`);
    for (const name of more) cpSync(join(root, name), native, { recursive: true });
    rmSync(join(folder, 'node_modules'), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    writeFileSync(join(folder, 'main.js'), PROGRAM.replace("'ibn-net'", "'./vendor/ibn-net/dist/index.js'"));
    return runNode([join(folder, 'main.js')], process.env);
  };

  it('runs without its package.json', async () => {
    expect(await copied('build/Release')).toMatchObject({ status: 0, stdout: '[ 2, 3 ]\n' });
  });

  it('says what to copy where its native module was left behind', async () => {
    const run = await copied();
    expectAdvice(run);
    expect(run.stderr).toContain('Copied by hand: take the whole folder node_modules/ibn-net');
  });
});

describe('a bundle that leaves ibn-net out runs', () => {
  it.each(['esm', 'cjs'] as const)('esbuild, %s', async (format) => {
    expect(await esbuild(format, ['ibn-net'])).toMatchObject({ status: 0, stdout: '[ 2, 3 ]\n' });
  });

  it('vite', async () => {
    expect(await vite({ external: ['ibn-net'] })).toMatchObject({ status: 0, stdout: '[ 2, 3 ]\n' });
  });
});
