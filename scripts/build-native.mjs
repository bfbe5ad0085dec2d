// Builds the shim and the binding for the libtorch that locate() finds, as `ibn-net build` does.
//   node scripts/build-native.mjs [--sanitize] [--out DIR] [--jobs N] [--define NAME=VALUE]
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const args = process.argv
  .slice(2)
  .flatMap((argument) => (argument === '--sanitize' ? ['--define', 'IBN_SANITIZE=ON'] : [argument]));
const { status } = spawnSync(process.execPath, [join(root, 'dist/cli/main.js'), 'build', ...args], {
  cwd: root,
  stdio: 'inherit',
});
process.exit(status ?? 1);
