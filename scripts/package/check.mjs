// Installs the packed tarball as consumers would, in every combination: each libtorch in the cache, Node versions,
// with and without npm's scripts, ESM, CommonJS and TypeScript. Measures sizes and the time from nothing to a first
// result, and writes bench/results/package.json.
//   node scripts/package/check.mjs [--nodes 22,24,26] [--build] [--reuse]
// --nodes: further Node releases, from npm; --build: also compiles in an installed package; --reuse: no compiling first.
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { arch, cpus, loadavg, platform, tmpdir, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { checkFiles } from './check-files.mjs';
import {
  barePath,
  cacheWith,
  consumerEnvironment,
  fetchNode,
  install,
  npm,
  pack,
  readmeProgram,
  run,
} from './consumer.mjs';
import { blocksOf, pages } from './doc-blocks.mjs';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const { values } = parseArgs({
  options: { nodes: { type: 'string' }, build: { type: 'boolean' }, reuse: { type: 'boolean' } },
});
const { locateLibtorch, libtorchCache } = await import(
  pathToFileURL(join(root, 'dist/libtorch/find/locate.js')).href
);
const STRICT = {
  strict: true,
  target: 'es2022',
  lib: ['es2023', 'esnext.disposable'],
  types: ['node'],
  typeRoots: [join(root, 'node_modules/@types')],
};

// The oldest that is promised, those between, and the newest. CommonJS files of nodenext may require ES modules since 5.8.
const COMPILERS = ['5.4', '5.6', '5.8', '5.9', '6', '7'];
const MODES = [
  { module: 'nodenext', files: ['typed.mts'] },
  { module: 'nodenext', files: ['typed.cts'], since: 5.8 },
  { module: 'esnext', moduleResolution: 'bundler', files: ['typed.mts'] },
];

const folder = mkdtempSync(join(tmpdir(), 'ibn-check-'));
const loadBefore = loadavg()[0];
try {
  await main();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function main() {
  const libtorches = readdirSync(libtorchCache())
    .filter((name) => /^\d/.test(name))
    .map((name) => locateLibtorch({ env: { LIBTORCH: join(libtorchCache(), name) } }));
  const tarball = pack(folder, { reuse: values.reuse ?? false });
  const bare = consumerEnvironment(barePath(folder));
  const consumer = join(folder, 'consumer');
  const noScripts = join(folder, 'no-scripts');
  const npmSeconds = time(() => install(tarball, consumer, bare));
  install(tarball, noScripts, bare, ['--ignore-scripts']);
  const sizes = measureSizes(tarball, consumer, libtorches);
  for (const place of [consumer, noScripts]) compileTypeScript(place);
  checkCompilers(consumer, await writePrograms(consumer));
  const nodes = [
    process.execPath,
    ...(values.nodes?.split(',') ?? []).map((node) => fetchNode(node, folder)),
  ];
  const runs = libtorches.flatMap((libtorch) => {
    const cache = cacheWith(libtorch, join(folder, `with-${libtorch.version}`));
    return nodes.flatMap((node) =>
      [consumer, noScripts].map((place) => runAll(node, place, { ...bare, IBN_NET_CACHE: cache }, libtorch)),
    );
  });
  const firstResults = libtorches.map((libtorch) => firstResult(tarball, libtorch));
  const built = values.build ? libtorches.slice(0, 1).map((libtorch) => build(tarball, libtorch)) : [];
  write({ sizes, npmInstallSeconds: npmSeconds, firstResults, built, runs });
  if (runs.some(({ failed }) => failed.length > 0)) process.exitCode = 1;
}

/** Runs every kind of consumer; which of them failed. */
function runAll(node, place, env, libtorch) {
  const program = 'console.log(tensor([1, 2]).add(1).toArray(), typeof models.resnet50_ibn_a);';
  const { file, output } = readmeProgram(place);
  writeFileSync(join(place, 'esm.mjs'), `import { models, tensor } from 'ibn-net';\n${program}`);
  writeFileSync(join(place, 'common.cjs'), `const { models, tensor } = require('ibn-net');\n${program}`);
  const expected = { [file]: output };
  for (const name of ['esm.mjs', 'common.cjs', 'out/typed.mjs', 'out/typed.cjs']) {
    expected[join(place, name)] = '[ 2, 3 ] function\n';
  }
  const failed = Object.entries(expected).filter(([path, text]) => !prints(node, path, env, text));
  const row = {
    libtorch: `${libtorch.version}+${libtorch.flavour}`,
    node: run(node, ['--version']).trim(),
    npmScripts: !place.includes('no-scripts'),
    passed: Object.keys(expected).length - failed.length,
    failed: failed.map(([path]) => path.slice(place.length + 1)),
  };
  console.error(JSON.stringify(row));
  return row;
}

/** Strict TypeScript, as ESM and as CommonJS; the compiler is this repository's. */
function compileTypeScript(place) {
  const source = `import { models, tensor, type Tensor } from 'ibn-net';
    import { assertClose } from 'ibn-net/testing';
    assertClose(tensor([1]), tensor([1]));
    const y: Tensor = tensor([1, 2]).add(1);
    const build: typeof models.resnet50_ibn_a = models.resnet50_ibn_a;
    console.log(y.toArray(), typeof build);`;
  const compilerOptions = { ...STRICT, module: 'nodenext', rootDir: '.', outDir: 'out' };
  const files = ['typed.mts', 'typed.cts'];
  for (const name of files) writeFileSync(join(place, name), source);
  writeFileSync(join(place, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
  run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', place]);
}

/** The programs of README and docs as files of a consumer; their names. */
async function writePrograms(place) {
  const exported = Object.keys(await import(pathToFileURL(join(root, 'dist/index.js')).href));
  const blocks = pages.flatMap((page) => blocksOf(page, exported));
  // A consumer here has no vitest; test/docs.test.ts has.
  const programs = blocks.filter(({ source }) => !source.includes("from 'vitest'"));
  return programs.map(({ name, source }) => {
    const file = `${name.replace(/\W+/g, '-')}.mts`;
    writeFileSync(join(place, file), source);
    return file;
  });
}

/**
 * The declarations, checked whole, and the programs, with each compiler and way to find modules. Compilers come from
 * npm.
 */
function checkCompilers(place, programs) {
  for (const version of COMPILERS) {
    const home = join(folder, `typescript-${version}`);
    mkdirSync(home);
    npm(['install', '--prefix', home, '--no-audit', '--no-fund', `typescript@${version}`], { cwd: home });
    for (const { files, since = 0, ...modules } of MODES) {
      if (Number(version) < since) continue;
      const compilerOptions = { ...STRICT, ...modules, noEmit: true, skipLibCheck: false };
      const all = files.some((name) => name.endsWith('.cts')) ? files : [...files, ...programs];
      writeFileSync(join(place, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: all }));
      run(process.execPath, [join(home, 'node_modules/typescript/bin/tsc'), '-p', place]);
    }
    console.error(`TypeScript ${version} takes the declarations and ${programs.length} programs of the docs`);
  }
}

function prints(node, path, env, expected) {
  try {
    return run(node, [path], { env }) === expected;
  } catch (error) {
    console.error(error.message);
    return false;
  }
}

/** From an empty folder to the README's output where libtorch is in the cache, of this or another project. */
function warmResult(tarball, libtorch) {
  const place = join(folder, `warm-${libtorch.version}`);
  const env = consumerEnvironment(barePath(place), { IBN_NET_CACHE: cacheWith(libtorch, place) });
  const npmInstall = time(() => install(tarball, place, env));
  const { file } = readmeProgram(place);
  const firstProgram = time(() => run(process.execPath, [file], { env }));
  rmSync(place, { recursive: true });
  return { npmInstall, firstProgram, total: Number((npmInstall + firstProgram).toFixed(2)) };
}

/** From an empty folder and an empty cache to the README's output. libtorch comes from wherever it is found. */
function firstResult(tarball, libtorchToUse) {
  const { version, flavour } = libtorchToUse;
  const name = `${version}+${flavour}`;
  const place = join(folder, `first-${version}`);
  // Python's pip may be where libtorch comes from.
  const env = consumerEnvironment(process.env.PATH, { IBN_NET_CACHE: join(place, 'cache') });
  const cli = join(place, 'node_modules/.bin/ibn-net');
  const npmInstall = time(() => install(tarball, place, env));
  const libtorch = time(() => run(process.execPath, [cli, 'install-libtorch', '--version', name], { env }));
  const { file, output } = readmeProgram(place);
  let printed = '';
  const program = time(() => {
    printed = run(process.execPath, [file], { env });
  });
  const again = time(() => run(process.execPath, [file], { env }));
  if (printed !== output) throw new Error(`Expected the README's output, got ${printed}`);
  rmSync(place, { recursive: true });
  const total = Number((npmInstall + libtorch + program).toFixed(2));
  const emptyCache = {
    npmInstall,
    installLibtorch: libtorch,
    firstProgram: program,
    secondProgram: again,
    total,
  };
  const seconds = { emptyCache, libtorchInCache: warmResult(tarball, libtorchToUse) };
  console.error(name, JSON.stringify(seconds));
  return { libtorch: name, seconds };
}

/** `npx ibn-net build` in an installed package, into an empty cache. */
function build(tarball, libtorch) {
  const place = join(folder, 'built');
  const env = consumerEnvironment(process.env.PATH, { IBN_NET_CACHE: cacheWith(libtorch, place) });
  install(tarball, place, env);
  const cli = join(place, 'node_modules/.bin/ibn-net');
  let printed = '';
  const seconds = time(() => {
    printed = run(process.execPath, [cli, 'build'], { env });
  });
  const { binding } = JSON.parse(run(process.execPath, [cli, 'info', '--json'], { env }));
  if (!binding.startsWith(join(place, 'cache', 'native')))
    throw new Error(`Expected the new module, got ${binding}`);
  console.error(printed.trim().split('\n').at(-1));
  return { libtorch: `${libtorch.version}+${libtorch.flavour}`, seconds };
}

function measureSizes(tarball, consumer, libtorches) {
  const modules = join(consumer, 'node_modules');
  const files = checkFiles(join(modules, 'ibn-net/prebuilds', `${platform()}-${arch()}`));
  const packageMB = megabytes(bytesBelow(join(modules, 'ibn-net')));
  const installedMB = megabytes(bytesBelow(modules));
  const withLibtorchMB = libtorches.map(({ root: libtorch, version, flavour }) => ({
    libtorch: `${version}+${flavour}`,
    libtorchMB: megabytes(bytesBelow(dirname(libtorch))),
    totalMB: megabytes(bytesBelow(dirname(libtorch)) + bytesBelow(modules)),
  }));
  const prebuilds = files.map(({ name, bytes, versions }) => ({
    name,
    MB: megabytes(bytes),
    newest: versions,
  }));
  return { tarballMB: megabytes(statSync(tarball).size), packageMB, installedMB, withLibtorchMB, prebuilds };
}

function bytesBelow(path) {
  const status = lstatSync(path);
  if (!status.isDirectory()) return status.size;
  return readdirSync(path).reduce((sum, name) => sum + bytesBelow(join(path, name)), 0);
}

function megabytes(bytes) {
  return Number((bytes / 1e6).toFixed(2));
}

function time(work) {
  const start = performance.now();
  work();
  return Number(((performance.now() - start) / 1000).toFixed(2));
}

function write(result) {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const [processor] = cpus();
  const machine = {
    cpu: processor?.model.trim(),
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${platform()}-${arch()}`,
    loadBefore,
  };
  const notes = {
    question: 'What the packed package weighs, who can use it, and how long from nothing to a first result',
    date: new Date().toISOString().slice(0, 10),
    machine,
    versions: { 'ibn-net': version, node: process.version },
    method:
      "Consumers run with a PATH that holds Node alone. npm's cache is warm. libtorch's wheels come from pip's index, here a folder on the same disk: a download comes on top.",
  };
  const path = join(root, 'bench/results/package.json');
  mkdirSync(dirname(path), { recursive: true });
  // What suite.mjs added stays.
  const suites = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).suites : undefined;
  writeFileSync(path, `${JSON.stringify({ ...notes, ...result, suites }, null, 1)}\n`);
  console.log(JSON.stringify(result, null, 1));
}
