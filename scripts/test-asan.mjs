// Builds the native module with AddressSanitizer and UndefinedBehaviorSanitizer into build-asan/ and runs the tests
// that exercise it hardest. Node and libtorch are not instrumented; every access by our code is.
//   node scripts/test-asan.mjs [vitest filters]
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const out = join(root, 'build-asan');
const filters =
  process.argv.length > 2
    ? process.argv.slice(2)
    : [
        'test/native',
        'test/ops',
        'test/tensor',
        'test/checkpoint/fuzz-native',
        'test/compile/kernels/kernels',
        'test/compile/kernels/int8',
        'test/data/resize',
        'test/nn/fuse-norms',
        'test/compile/engine/engine',
        'test/compile/engine/run',
        'test/compile/networks/run',
        'test/compile/plan-file/save',
      ];

function run(command, args, env = {}) {
  const options = { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } };
  const { status } = spawnSync(command, args, options);
  if (status !== 0) process.exit(status ?? 1);
}

function runtime(name) {
  const { stdout } = spawnSync('gcc', [`-print-file-name=${name}`], { encoding: 'utf8' });
  const path = stdout?.trim() ?? '';
  if (existsSync(path)) return path;
  console.error(`Expected gcc's ${name}, found none; install gcc with its sanitizer libraries`);
  process.exit(1);
}

run(process.execPath, [join(root, 'scripts/build-native.mjs'), '--sanitize', '--out', out]);
// Fast tests: the slow ones take other networks through the same code, or measure resident memory, which means nothing under
// the sanitizer, since it keeps freed blocks to find their later use.
const vitest = join(root, 'node_modules/vitest/vitest.mjs');
run(process.execPath, [vitest, 'run', '--project', 'fast', ...filters], {
  IBN_NET_BINDING_DIR: join(out, 'Release'),
  // Leaks are counted by the tests themselves: Node and libtorch keep memory on purpose at exit.
  ASAN_OPTIONS:
    'detect_leaks=0:allocator_may_return_null=1:halt_on_error=1:abort_on_error=1:detect_odr_violation=0',
  UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
  IBN_NET_SANITIZE: '1',
  VITEST_JSON: '', // the report is the whole suite's
  IBN_NET_SANITIZER_RUNTIME: `${runtime('libasan.so')} ${runtime('libubsan.so')}`,
  LD_PRELOAD: `${runtime('libasan.so')} ${runtime('libubsan.so')}`,
});
