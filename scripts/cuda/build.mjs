// Builds the CUDA kernels, libibn_cuda.so, and where TORCH_ROOT is a CUDA build of libtorch the library for CUDA graphs,
// libibn_cudagraph-<minor>.so. Needs nvcc and cmake, no GPU.
//   node scripts/cuda/build.mjs [--torch FOLDER] [--out FOLDER] [--architectures 80,90]
// --torch holds include/ of a libtorch from 2.11 on, the CPU build's too; by default the one that locate() finds. Without
// --out the libraries also go to build/Release, beside the binding of a clone.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const { values } = parseArgs({
  options: { torch: { type: 'string' }, out: { type: 'string' }, architectures: { type: 'string' } },
});
const torch = values.torch ?? (await locate());
const out = values.out ?? join(root, 'build-cuda');

const settings = [`-DTORCH_ROOT=${torch}`, `-DTORCH_MINOR=${minorIn(torch)}`, '-DCMAKE_BUILD_TYPE=Release'];
if (values.architectures)
  settings.push(`-DIBN_CUDA_ARCHITECTURES=${values.architectures.replaceAll(',', ';')}`);
run('cmake', ['-S', join(root, 'native/cuda'), '-B', out, ...settings]);
run('cmake', ['--build', out]);

const release = join(out, 'Release');
const clone = join(root, 'build', 'Release');
for (const name of readdirSync(release).filter((file) => file.endsWith('.so'))) {
  if (values.out === undefined && existsSync(clone)) copyFileSync(join(release, name), join(clone, name));
  console.log(`${(statSync(join(release, name)).size / 1e6).toFixed(2)} MB  ${join(release, name)}`);
}

async function locate() {
  const { locateLibtorch } = await import(pathToFileURL(join(root, 'dist/libtorch/find/locate.js')).href);
  return locateLibtorch().root;
}

/** `2.13`, from the header that names libtorch's version. */
function minorIn(folder) {
  const header = join(folder, 'include/torch/headeronly/version.h');
  if (!existsSync(header))
    fail(`Expected the headers of libtorch 2.11 or newer in ${folder}/include, found none`);
  const text = readFileSync(header, 'utf8');
  const number = (name) => new RegExp(`#define TORCH_VERSION_${name} (\\d+)`).exec(text)?.[1];
  return `${number('MAJOR')}.${number('MINOR')}`;
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit' });
  if (error) fail(`Could not run ${command}: ${error.message}`);
  if (status !== 0) process.exit(1);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
