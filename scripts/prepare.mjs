// Makes a clone ready after `npm ci`: compiles lib/, finds or installs libtorch, builds the native module.
// Does nothing in an installed package, nor with IBN_NET_SKIP_PREPARE=1.
//   node scripts/prepare.mjs
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const path = (...parts) => join(root, ...parts);

if (process.env.IBN_NET_SKIP_PREPARE === '1') say('skipped (IBN_NET_SKIP_PREPARE=1)');
else if (existsSync(path('lib', 'cli', 'main.ts'))) await prepare();

async function prepare() {
  const installed = ['esbuild', 'typescript'].every((name) => existsSync(path('node_modules', name)));
  if (!installed) return say('skipped, the development dependencies are not installed');
  say('compiling lib/ to dist/');
  run(path('scripts', 'build.mjs'));
  await ensureLibtorch();
  say('building the native module (two to three minutes the first time)');
  run(path('scripts', 'build-native.mjs'));
  say('ready');
}

async function ensureLibtorch() {
  const { locateLibtorch } = await importBuilt('libtorch', 'find', 'locate.js');
  try {
    const { version, flavour, root: folder } = locateLibtorch();
    say(`using libtorch ${version}+${flavour} from ${folder}`);
  } catch (error) {
    if (error.code !== 'ERR_LIBTORCH_NOT_FOUND') fail(error.message);
    await installLibtorch();
  }
}

async function installLibtorch() {
  say('installing libtorch 2.13.0+cpu in the shared cache folder (about 480 MB on disk)');
  const { installLibtorch: install } = await importBuilt('libtorch', 'install', 'install.js');
  try {
    const { version, flavour, root: folder } = await install({ log: say });
    say(`installed libtorch ${version}+${flavour} in ${folder}`);
  } catch (error) {
    fail(error.message);
  }
}

function importBuilt(...parts) {
  return import(pathToFileURL(path('dist', ...parts)).href);
}

function run(...args) {
  const { status, signal } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) fail(`node ${args.join(' ')} failed with ${signal ?? `exit code ${status}`}`);
}

function say(line) {
  console.error(`prepare: ${line}`);
}

function fail(message) {
  console.error(`${message}\n\nTo install without this step: IBN_NET_SKIP_PREPARE=1 npm ci`);
  process.exit(1);
}
