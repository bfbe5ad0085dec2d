// Runs the fused kernels under NVIDIA's compute-sanitizer, each tool in turn. Needs a GPU, the toolkit, and the built
// package with its kernels.
//   node scripts/cuda/sanitize.mjs [memcheck racecheck initcheck synccheck]
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { findKernels } from './code.mjs';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const RUN = '--run';

if (process.argv[2] === RUN) {
  await exercise();
} else {
  const tools =
    process.argv.length > 2 ? process.argv.slice(2) : ['memcheck', 'racecheck', 'initcheck', 'synccheck'];
  const failed = tools.filter((tool) => !sanitize(tool));
  console.log(failed.length === 0 ? `${tools.join(', ')}: no errors` : `${failed.join(', ')}: errors`);
  process.exit(failed.length === 0 ? 0 : 1);
}

function sanitize(tool) {
  // libtorch's own kernels fill inputs; only ours are looked at.
  const only = tool === 'memcheck' ? [] : ['--kernel-name', 'regex:ibn.*cuda'];
  const args = [
    '--tool',
    tool,
    '--error-exitcode',
    '1',
    ...only,
    process.execPath,
    fileURLToPath(import.meta.url),
    RUN,
  ];
  const { status, error } = spawnSync('compute-sanitizer', args, { cwd: root, stdio: 'inherit' });
  if (error) console.error(`Could not run compute-sanitizer: ${error.message}`);
  return status === 0;
}

/** Every kernel: both layouts, all types, whole and cut slices, aligned and not, forward and backward. */
async function exercise() {
  const { cuda, ops, randn, scope } = await import(pathToFileURL(join(root, 'dist/index.js')).href);
  if (!cuda.isAvailable()) throw new Error(cuda.unavailableReason());
  const library = findKernels();
  if (library === undefined)
    throw new Error('Expected libibn_cuda.so, found none; run: npx ibn-net build --cuda');
  ops.loadLibrary(library);
  const shapes = [
    [2, 16, 7, 7],
    [2, 10, 14, 13],
    [1, 32, 56, 56],
    [1, 8, 190, 190],
    [3, 5, 1, 2],
  ];
  let calls = 0;
  for (const shape of shapes) {
    for (const dtype of ['float32', 'float16', 'bfloat16']) {
      for (const memory_format of ['contiguous_format', 'channels_last']) {
        for (const trains of [true, false]) {
          scope(() => {
            const place = { device: 'cuda' };
            const make = () =>
              ops.aten.contiguous(randn(shape, place).to(dtype), { memory_format }).requiresGrad_();
            const [x, residual] = [make(), make()];
            const half = shape[1] >> 1;
            const rest = shape[1] - half;
            const vector = (size) => randn([size], { ...place, requiresGrad: true });
            const running = [randn([rest], place), randn([rest], place).abs()];
            const parameters = [vector(half), vector(half), vector(rest), vector(rest)];
            const op = trains ? ops.ibn.instance_batch_norm_train : ops.ibn.instance_batch_norm;
            op(x, residual, 0, half, ...parameters, ...running, 1e-5, 1e-5, true)
              .sum()
              .backward();
            calls += 1;
          });
        }
      }
    }
  }
  cuda.synchronize();
  console.log(`${calls} calls, forward and backward`);
}
