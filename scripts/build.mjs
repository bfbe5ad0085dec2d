// Builds dist/: the modules of lib/ bundled into few files, which load several times faster than one file for each
// module, with source maps, and the declarations.
//   node scripts/build.mjs [--no-types]
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');

// The package, its part for tests and its command, then what scripts and tests reach into.
const ENTRIES = [
  'index',
  'testing/index',
  'cli/main',
  'binding',
  'tensor/index',
  'ops/naming',
  'ops/schema',
  'compile/graph/importers',
  'checkpoint/reader',
  'checkpoint/byte-source',
  'checkpoint/dtypes',
  'checkpoint/zip/writer',
  'libtorch/install/install',
  'libtorch/find/locate',
  'net/download',
  'cli/network/classifier',
  'reid/gallery/store/lmdb-store',
];

const written = new Set([...(await bundle()), ...(await bundlePage())]);
removeStale(written);
chmodSync(join(dist, 'cli', 'main.js'), 0o755);
if (!process.argv.includes('--no-types')) declare();

/** Writes the bundles; returns the paths of all files written. */
async function bundle() {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: ENTRIES.map((name) => join('lib', `${name}.ts`)),
    outbase: 'lib',
    outdir: 'dist',
    // In dist/ itself: modules find the package's folder from where they are.
    chunkNames: 'chunk-[hash]',
    bundle: true,
    splitting: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    tsconfig: 'tsconfig.build.json',
    // Names of classes show in messages and printed networks.
    keepNames: true,
    sourcemap: true,
    sourcesContent: false,
    metafile: true,
    logLevel: 'warning',
    plugins: [{ name: 'vega', setup: putVegaIn }],
  });
  return new Set(Object.keys(metafile.outputs).map((path) => join(root, path)));
}

/** The page of the Re-ID server, with all it needs: dist/serve/page. Returns the paths of all scripts written. */
async function bundlePage() {
  const [from, to] = [join(root, 'lib/serve/page'), join(dist, 'serve/page')];
  await build({
    absWorkingDir: root,
    entryPoints: [join(from, 'app.tsx')],
    outdir: to,
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    tsconfig: join(from, 'tsconfig.json'),
    logLevel: 'warning',
  });
  for (const name of ['index.html', 'style.css']) copyFileSync(join(from, name), join(to, name));
  return [join(to, 'app.js')];
}

/** vega and vega-lite are no dependencies, but part of the one module that draws. Their licences go beside it. */
function putVegaIn({ onLoad }) {
  onLoad({ filter: /lib\/plot\/vega\.ts$/ }, async ({ path }) => {
    const { outputFiles, metafile } = await build({
      absWorkingDir: root,
      entryPoints: [path],
      bundle: true,
      minify: true,
      write: false,
      format: 'esm',
      platform: 'node',
      target: 'node20.19',
      // Node's form waits for a package "canvas" at the top level of the module, which no CommonJS bundle takes.
      alias: { 'vega-canvas': join(root, 'node_modules/vega-canvas/build/vega-canvas.browser.js') },
      legalComments: 'none',
      metafile: true,
    });
    mkdirSync(dist, { recursive: true });
    writeFileSync(
      join(dist, 'third-party-licences.txt'),
      licencesOf([...Object.keys(metafile.inputs), 'node_modules/preact/']),
    );
    return { contents: outputFiles[0].text, loader: 'js' };
  });
}

/** The licence of each package that the files are of. */
function licencesOf(inputs) {
  const folders = inputs.flatMap((path) => path.match(/^node_modules\/(@[^/]+\/)?[^/]+/)?.[0] ?? []);
  const texts = [...new Set(folders)].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
    const file = ['LICENSE', 'LICENSE.txt', 'LICENSE.md', 'license'].find((one) =>
      existsSync(join(root, folder, one)),
    );
    const text = file === undefined ? `${license}\n` : readFileSync(join(root, folder, file), 'utf8');
    return `${name} ${version}\n\n${text.trim()}\n`;
  });
  return texts.join(`\n${'-'.repeat(80)}\n\n`);
}

/** Deletes scripts of earlier builds. */
function removeStale(written) {
  for (const name of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
    const path = join(dist, name);
    if (/\.js(\.map)?$/.test(name) && !written.has(path)) rmSync(path);
  }
}

function declare() {
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  // Types are checked by `npm run typecheck`.
  const args = [compiler, '-p', 'tsconfig.build.json', '--emitDeclarationOnly', '--noCheck'];
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0)
    throw new Error(`Expected tsc to write ${relative(root, dist)}'s declarations, got exit ${status}`);
  declareOps();
}

/** The types of ops as the generator wrote them: the compiler puts each option on a line of its own, half as much again. */
function declareOps() {
  const source = readFileSync(join(root, 'lib/ops/generated.ts'), 'utf8');
  const text = source
    .replaceAll(/(from '\.\/[\w-]+)\.ts'/g, "$1.js'")
    .replace(/(export) (const methodNames: readonly string\[\]) = \[[^\]]*\];/, '$1 declare $2;');
  writeFileSync(join(dist, 'ops/generated.d.ts'), text);
}
