import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { minorOf } from '../../lib/libtorch/find/native-module.ts';
import { root, runChild, tmp } from '../helpers/index.ts';
import { findCudaBuild } from './cuda-build.ts';

const build = findCudaBuild();
const missing = 'no CUDA build of libtorch with a native module for it';

/** Runs `source` over the CUDA build of libtorch, without a word unless told; what it leaves in `result` comes back. */
async function run(source: string, isQuiet = true): Promise<unknown> {
  const { libtorch, folder } = build as NonNullable<typeof build>;
  const { stdout, stderr, code } = await runChild(
    `const { loadBinding, nativeLibrary } = await import(dist + '/binding.js');
    const { cuda, listOps, ops, scope, zeros } = await import(dist + '/index.js');
    const { binding, libtorch } = loadBinding();
    const messageOf = (fn) => { try { return fn(); } catch (error) { return error.code + ': ' + error.message; } };
    let result;
    ${source}
    console.log(JSON.stringify(result));`,
    { env: { LIBTORCH: libtorch.root, IBN_NET_BINDING_DIR: folder, LIBTORCH_USE_PYTORCH: '' }, layer: false },
  );
  // libtorch logs what a stable-ABI call of its own throws.
  expect([isQuiet ? stderr : '', code]).toEqual(['', 0]);
  return JSON.parse(stdout);
}

it('has a CUDA build of libtorch where the machine has to', (context) => {
  if (build === undefined && process.env.REQUIRE_CUDA !== '1') context.skip(missing);
  expect(build, `${missing}; npx ibn-net build --cuda makes one`).toBeDefined();
});

describe.skipIf(build === undefined)('beside a CUDA build of libtorch, with or without a GPU', () => {
  const minor = minorOf(build?.libtorch.version ?? '0.0');

  it('the library of kernels gives the inner ops a CUDA kernel', async () => {
    const names = ['_instance_batch_norm_out', '_instance_batch_norm_backward_out'];
    const outer = ['_instance_batch_norm_forward', '_instance_batch_norm_backward'];
    const found = await run(`
      const look = (names) => names.map((name) => binding.hasKernel('ibn::' + name, '', 'CUDA'));
      const before = look(${JSON.stringify(names)});
      binding.loadLibrary(nativeLibrary('libibn_cuda.so'));
      const { arguments: list } = binding.getSchema('ibn::_instance_batch_norm_out', '');
      result = [before, look(${JSON.stringify(names)}), look(${JSON.stringify(outer)}), list.length];`);
    expect(found).toEqual([[false, false], [true, true], [true, true], 18]);
  });

  it('the library for graphs registers its ops, which say what is missing without a GPU', async () => {
    const found = (await run(`
      ops.loadLibrary(nativeLibrary('libibn_cudagraph-${minor}.so'));
      const names = listOps().filter((name) => name.startsWith('ibn::_cuda_'));
      const handles = [ops.ibn._cuda_graph_pool_handle(), ops.ibn._cuda_graph_pool_handle()];
      const wrong = messageOf(() => ops.ibn._cuda_graph_replay(zeros([1])));
      const none = cuda.isAvailable() ? null : messageOf(() => ops.ibn._cuda_graph());
      result = { names, handles, wrong, none, available: cuda.CUDAGraph.isAvailable() === cuda.isAvailable() };`)) as {
      names: string[];
      handles: number[][];
      wrong: string;
      none: string | null;
      available: boolean;
    };
    expect(found.names).toEqual([
      'ibn::_cuda_graph',
      'ibn::_cuda_graph_begin',
      'ibn::_cuda_graph_end',
      'ibn::_cuda_graph_pool',
      'ibn::_cuda_graph_pool_handle',
      'ibn::_cuda_graph_replay',
      'ibn::_cuda_graph_reset',
      'ibn::_cuda_is_capturing',
    ]);
    const [[zero, first], [, second]] = found.handles as [[number, number], [number, number]];
    expect([zero, second - first]).toEqual([0, 1]);
    expect(found.wrong).toMatch(/Expected __torch__\.torch\.classes\.ibn\.CudaGraph/);
    if (found.none !== null) expect(found.none).toMatch(/^ERR_CUDA_UNAVAILABLE: .*NVIDIA driver/);
    expect(found.available).toBe(true);
  });

  it('the kernels check every argument before they ask for the driver', async (context) => {
    const compiler = process.env.CXX ?? 'c++';
    if (spawnSync(compiler, ['--version']).status !== 0) context.skip('no C++ compiler');
    const library = join(tmp(), 'libas_cuda.so');
    const includes = build?.libtorch.includeDirs.map((folder) => `-I${folder}`) ?? [];
    const source = join(root, 'test/cuda-kernels/host/as_cuda.cc');
    execFileSync(compiler, ['-shared', '-fPIC', '-std=c++20', '-O0', ...includes, source, '-o', library]);
    const found = (await run(
      `
      if (cuda.isAvailable()) {
        result = null;
      } else {
        ops.loadLibrary(nativeLibrary('libibn_cuda.so'));
        ops.loadLibrary(${JSON.stringify(library)});
        const fake = (...args) => ops.ibn_test_cuda.as_cuda(zeros(...args));
        const x = fake([2, 8, 4, 4]);
        const none = [null, null, null, null];
        const running = [fake([4]), fake([4])];
        const forward = (...rest) => messageOf(() => ops.ibn._instance_batch_norm_out(...rest));
        const usual = [1e-5, 1e-5, false, 0.1];
        const statistics = fake([2, 2 * 4 + 4]);
        const backward = (...rest) => messageOf(() => ops.ibn._instance_batch_norm_backward_out(x, null, 0, 4, ...none,
          null, null, ...usual, 1, ...rest));
        result = {
          right: forward(x, x, 0, 4, ...none, ...running, ...usual, 1, x, statistics, null),
          range: forward(x, null, 5, 4, ...none, ...running, ...usual, 1, x, null, null),
          mode: forward(x, null, 0, 4, ...none, ...running, ...usual, 3, x, null, null),
          running: forward(x, null, 0, 4, ...none, null, null, ...usual, 1, x, null, null),
          weight: forward(x, null, 0, 4, fake([3]), null, null, null, ...running, ...usual, 1, x, null, null),
          output: forward(x, null, 0, 4, ...none, ...running, ...usual, 1, fake([2, 8, 4, 5]), null, null),
          dtype: forward(x, null, 0, 4, ...none, ...running, ...usual, 1, fake([2, 8, 4, 4], { dtype: 'float64' }),
            null, null),
          statistics: forward(x, null, 0, 4, ...none, ...running, ...usual, 1, x, fake([3]), null),
          workspace: forward(x, null, 0, 4, ...none, ...running, ...usual, 2, x, null, fake([3])),
          backward: backward(x, statistics, x, fake([2, 8]), fake([4096])),
          gradients: backward(x, statistics, x, fake([2, 7]), fake([4096])),
          needed: backward(x, statistics, x, fake([2, 8]), null),
        };
      }`,
      false,
    )) as Record<string, string> | null;
    if (found === null) return;
    const { right, backward, ...wrong } = found;
    expect([right, backward]).toEqual([
      expect.stringMatching(/CUDA driver|NVIDIA driver|CUDA-capable/),
      expect.stringMatching(/CUDA driver|NVIDIA driver|CUDA-capable/),
    ]);
    const expected = {
      range: /Expected a range within 8 channels for start and end, got 5 to 4/,
      mode: /Expected 0, 1 or 2 for batch_mode, got 3/,
      running: /Expected running_mean and running_var for batch_mode 1, got none/,
      weight: /Expected shape \[4\] for instance_weight, got \[3\]/,
      output: /Expected shape \[2, 8, 4, 4\] for output, got \[2, 8, 4, 5\]/,
      dtype: /Expected float32, float16 or bfloat16 for output, got another dtype/,
      statistics: /Expected at least 24 elements for statistics, got 3/,
      workspace: /Expected at least \d+ elements for workspace, got 3/,
      gradients: /Expected at least 16 elements for grad_affine, got 14/,
      needed: /Expected at least \d+ elements for workspace, got none/,
    };
    for (const [name, pattern] of Object.entries(expected)) expect(wrong[name], name).toMatch(pattern);
  }, 180_000);
});
