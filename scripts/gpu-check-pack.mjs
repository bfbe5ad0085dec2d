// Packs what scripts/gpu-check.sh needs on a machine without internet and without Node into .gpu-check/: this Node (or
// another release of it from npm) and the node_modules that tests, build and benchmarks use.
//   node scripts/gpu-check-pack.mjs [--node 22.22.0] [--limit 64]
// --limit: MiB that the working tree and .gpu-check may take together. Needs tar and xz. Linux x64.
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { fetchNode, run } from './package/consumer.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const out = join(root, '.gpu-check');
const { values } = parseArgs({
  options: { node: { type: 'string' }, limit: { type: 'string', default: '64' } },
});

/** Linting, and making the package, are no part of the check. */
const LEFT_OUT = ['@biomejs/biome', 'prebuildify'];
/** Nothing reads these at run time; declarations are for the TypeScript compiler. */
const PRUNED = [
  '*.map',
  '*.md',
  '*.markdown',
  'CHANGELOG*',
  '.github',
  'test',
  'tests',
  'docs',
  'example',
  'examples',
];

const folder = mkdtempSync(join(tmpdir(), 'ibn-gpu-check-'));
try {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out);
  const node = packNode();
  const modules = packModules();
  const sizes = report();
  writeManifest({ node, modules, sizes });
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function packNode() {
  if (`${process.platform}-${process.arch}` !== 'linux-x64' && values.node === undefined) {
    fail(
      `Expected Linux x64 to pack this Node, got ${process.platform}-${process.arch}; name a release: --node`,
    );
  }
  const from = values.node === undefined ? process.execPath : fetchNode(values.node, folder);
  const bin = join(folder, 'node', 'bin');
  mkdirSync(bin, { recursive: true });
  copyFileSync(from, join(bin, 'node'));
  chmodSync(join(bin, 'node'), 0o755);
  const version = run(join(bin, 'node'), ['--version']).trim();
  compress(join(folder, 'node'), ['bin'], 'node.tar.xz');
  return version;
}

function packModules() {
  const names = closure(rootsOf(readJson(join(root, 'package.json'))));
  const paths = names.map((name) => `node_modules/${name}`);
  compress(
    root,
    [...PRUNED.map((pattern) => `--exclude=node_modules/*/${pattern}`), ...paths],
    'node_modules.tar.xz',
  );
  return names.length;
}

function rootsOf({ dependencies, devDependencies }) {
  return Object.keys({ ...dependencies, ...devDependencies }).filter((name) => !LEFT_OUT.includes(name));
}

/** Packages and all that they need, as far as npm installed it: optional ones are for other systems. */
function closure(roots) {
  const found = new Set();
  const waiting = [...roots];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const path = join(root, 'node_modules', name, 'package.json');
    if (found.has(name) || !existsSync(path)) {
      if (roots.includes(name) && !found.has(name))
        fail(`Expected ${name} in node_modules, found none; run: npm ci`);
      continue;
    }
    found.add(name);
    const { dependencies, optionalDependencies, peerDependencies } = readJson(path);
    waiting.push(...Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies }));
  }
  for (const name of LEFT_OUT) found.delete(name);
  return [...found].sort();
}

function compress(cwd, args, name) {
  const env = { ...process.env, XZ_OPT: `-9e -T${availableParallelism()}` };
  run('tar', ['-cJf', join(out, name), ...args], { cwd, env });
}

/** What travels: files of git, those it does not ignore, and .gpu-check. */
function report() {
  const tree = run('git', ['ls-files', '-co', '--exclude-standard', '-z'], { cwd: root })
    .split('\0')
    .filter(Boolean);
  const files = tree.map((path) => join(root, path)).filter((path) => existsSync(path));
  const sizes = { tree: files.reduce((sum, path) => sum + statSync(path).size, 0) };
  for (const name of readdirSync(out)) sizes[name] = statSync(join(out, name)).size;
  const total = Object.values(sizes).reduce((sum, bytes) => sum + bytes, 0);
  for (const [name, bytes] of Object.entries({ ...sizes, total })) {
    console.log(`${(bytes / 2 ** 20).toFixed(2).padStart(8)} MiB  ${name}`);
  }
  if (total < Number(values.limit) * 2 ** 20) return { ...sizes, total };
  return fail(`Expected less than ${values.limit} MiB in all, got ${(total / 2 ** 20).toFixed(1)}`);
}

function writeManifest({ node, modules, sizes }) {
  const manifest = { node, modules, sizes, packed: new Date().toISOString() };
  writeFileSync(join(out, 'manifest.json'), `${JSON.stringify(manifest, null, 1)}\n`);
  console.log(`Node ${node} and ${modules} packages: ${out}`);
}

function readJson(path) {
  return JSON.parse(readFileSync(path, 'utf8'));
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
