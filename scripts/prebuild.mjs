// Compiles the native module for every libtorch at hand (the one in use, and the cache's newest of each minor) and puts
// the stripped files in prebuilds/, with prebuildify. Fails where a file would not load on the oldest system.
// The libraries for CUDA come with a CUDA build of libtorch, where there is nvcc.
//   node scripts/prebuild.mjs [--only 2.13] [--require 2.13,2.14,cuda] [--reuse] [--out FOLDER]
// --require names minors, and cuda for its libraries; --reuse takes what is compiled already.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { checkFiles, describeFile } from './package/check-files.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    require: { type: 'string' },
    reuse: { type: 'boolean', default: false },
    out: { type: 'string', default: root },
  },
});
const { locateLibtorch, libtorchCache } = await import(
  pathToFileURL(join(root, 'dist/libtorch/find/locate.js')).href
);

const minorOf = (version) => version.split('.').slice(0, 2).join('.');
const found = allLibtorch().filter(({ minor }) => values.only === undefined || minor === values.only);
const required = values.require?.split(',') ?? [];
const missing = required.filter((minor) => minor !== 'cuda' && !found.some((one) => one.minor === minor));
if (found.length === 0) missing.push(values.only ?? 'any minor');
if (missing.length > 0) {
  fail(`Expected a libtorch of ${missing.join(' and ')}, got none; npx ibn-net install-libtorch gets one`);
}
const builds = found.map((one) => ({ ...one, cuda: one.isCuda && hasNvcc(), reuse: values.reuse }));

const stage = join(root, 'build-prebuild');
mkdirSync(stage, { recursive: true });
process.env.IBN_NET_PREBUILD = JSON.stringify(builds);
const folder = join(values.out, 'prebuilds', `${process.platform}-${process.arch}`);
rmSync(folder, { recursive: true, force: true });
const prebuildify = createRequire(import.meta.url)('prebuildify');
await promisify(prebuildify)({
  cwd: stage,
  out: values.out,
  name: 'ibn_net',
  napi: true,
  strip: true,
  targets: [`node@${process.versions.node}`],
  nodeGyp: join(root, 'scripts/package/stage.mjs'),
});

const rows = checkFiles(folder);
console.error(rows.map(describeFile).join('\n'));
console.error(`prebuilds for libtorch ${found.map(({ minor }) => minor).join(', ')}: ${folder}`);
if (rows.some(({ wrong }) => wrong.length > 0)) process.exit(1);
if (!rows.some(({ name }) => name === 'libibn_cuda.so')) {
  const message = 'No libibn_cuda.so, the kernels for CUDA: that takes nvcc and a CUDA build of libtorch';
  if (required.includes('cuda')) fail(message);
  console.error(message);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}

function hasNvcc() {
  const homes = [process.env.CUDA_HOME, process.env.CUDA_PATH, '/usr/local/cuda'];
  const places = ['nvcc', ...homes.filter(Boolean).map((home) => join(home, 'bin', 'nvcc'))];
  return places.some((place) => spawnSync(place, ['--version']).status === 0);
}

/** One libtorch for each minor: the one in use first, then the cache's, newest first. */
function allLibtorch() {
  const cache = libtorchCache();
  const installed = existsSync(cache) ? readdirSync(cache).filter((name) => /^\d/.test(name)) : [];
  installed.sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
  const named = installed.map((name) => ({ ...process.env, LIBTORCH: join(cache, name) }));
  const byMinor = new Map();
  for (const env of [process.env, ...named]) {
    const libtorch = tryLocate(env);
    const minor = libtorch && minorOf(libtorch.version);
    if (minor && !byMinor.has(minor))
      byMinor.set(minor, {
        minor,
        libtorch: libtorch.root,
        isCuda: libtorch.flavour.startsWith('cu'),
        out: outFor(libtorch),
      });
  }
  return [...byMinor.values()].sort((a, b) => a.minor.localeCompare(b.minor, 'en', { numeric: true }));
}

function tryLocate(env) {
  try {
    return locateLibtorch({ env });
  } catch {
    return undefined;
  }
}

/** The clone's own build where it is for this minor, else a folder for the minor. */
function outFor({ version }) {
  const minor = minorOf(version);
  const cache = join(root, 'build', 'CMakeCache.txt');
  const isClone = existsSync(cache) && readFileSync(cache, 'utf8').includes(`TORCH_MINOR:STRING=${minor}\n`);
  return join(root, isClone ? 'build' : `build-${minor}`);
}
