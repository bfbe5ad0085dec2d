// Builds the shim and the binding for the libtorch that locate() finds, with cmake-js.
//   node scripts/build-native.mjs [--sanitize] [--out DIR]
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const args = process.argv.slice(2);
const out = args.includes('--out') ? args[args.indexOf('--out') + 1] : join(root, 'build');

const { locateLibtorch } = await import(pathToFileURL(join(root, 'dist/libtorch/locate.js')).href);
const libtorch = locateLibtorch();
const minor = libtorch.version.split('.').slice(0, 2).join('.');
const cmakeJs = join(
  dirname(createRequire(join(root, 'x.js')).resolve('cmake-js/package.json')),
  'bin/cmake-js',
);
const result = spawnSync(
  process.execPath,
  [
    cmakeJs,
    'compile',
    '--directory',
    root,
    '--out',
    out,
    `--CDTORCH_ROOT=${libtorch.root}`,
    `--CDTORCH_MINOR=${minor}`,
    `--CDIBN_SANITIZE=${args.includes('--sanitize') ? 'ON' : 'OFF'}`,
    '--parallel',
    '2',
  ],
  { cwd: root, stdio: 'inherit' },
);
if (result.status !== 0) {
  console.error(
    `\nExpected cmake-js to build the native module for libtorch ${libtorch.version}, got exit ${result.status}`,
  );
  console.error('It needs cmake >= 3.18 and a C++20 compiler (gcc >= 11 or clang >= 14)');
  process.exit(1);
}
