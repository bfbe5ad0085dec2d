// What gpu-check does. Each step takes the context and gives `{ state, reason, figures }`.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { availableParallelism, freemem } from 'node:os';
import { join } from 'node:path';
import { libtorchOf } from './machine.mjs';
import { runLimited } from './process.mjs';
import { test } from './tests.mjs';

const TOOLS = ['memcheck', 'racecheck', 'initcheck', 'synccheck'];
const BYTES_PER_JOB = 1.5e9;

/** `limit` is in seconds; all of one step fit into ten minutes. `needs`: what must have been made before. */
export const STEPS = {
  build: { limit: 540, needs: [], run: build },
  test: { limit: 480, needs: ['build'], run: test },
  sanitize: { limit: 540, needs: ['build', 'gpu'], parts: () => TOOLS, run: sanitize },
  bench: { limit: 570, needs: ['build', 'gpu'], parts: benchmarks, run: bench },
};

/** dist, the binding, the CUDA kernels and the library for graphs, against the Python's PyTorch. */
async function build({ root, env, log, limit, machine }) {
  const libtorch = libtorchOf(machine);
  if (libtorch === undefined) return { state: 'failed', reason: 'no PyTorch: set PYTHON or LIBTORCH' };
  const start = performance.now();
  const left = () => limit - (performance.now() - start) / 1000;
  const jobs = Math.max(1, Math.min(availableParallelism(), Math.floor(freemem() / BYTES_PER_JOB)));
  const figures = { libtorch, jobs };
  const dist = await runLimited(process.execPath, ['scripts/build.mjs'], {
    log,
    limit: left(),
    env,
    cwd: root,
  });
  figures.distSeconds = dist.seconds;
  if (dist.state !== 'passed') return { ...dist, figures };
  const args = ['dist/cli/main.js', 'build', '--cuda', '--jobs', String(jobs)];
  const native = await runLimited(process.execPath, args, { log, limit: left(), env, cwd: root });
  figures.nativeSeconds = native.seconds;
  figures.libraries = libraries(join(root, 'build/Release'));
  if (native.state !== 'passed') return { ...native, figures };
  const missing = ['ibn_net.node', 'binding-', 'libibn_cuda.so', 'libibn_cudagraph-'].filter(
    (prefix) => !Object.keys(figures.libraries).some((name) => name.startsWith(prefix)),
  );
  if (missing.length === 0) return { state: 'passed', figures };
  return { state: 'failed', reason: `the build left no ${missing.join(', no ')}`, figures };
}

/** Bytes of each library. */
export function libraries(folder) {
  if (!existsSync(folder)) return {};
  const names = readdirSync(folder).filter((name) => /\.(node|so)$/.test(name));
  return Object.fromEntries(names.map((name) => [name, statSync(join(folder, name)).size]));
}

async function sanitize({ root, env, log, limit, part }) {
  const { state, reason, lines } = await runLimited(process.execPath, ['scripts/cuda/sanitize.mjs', part], {
    log,
    limit,
    env,
    cwd: root,
  });
  const found = lines.filter((line) => /ERROR SUMMARY|hazards? displayed|calls, forward/.test(line));
  return { state, reason, figures: { found } };
}

/** One question a file. */
function benchmarks(root) {
  return readdirSync(join(root, 'bench/gpu'))
    .filter((name) => name.endsWith('.mjs'))
    .map((name) => name.slice(0, -4));
}

/** Missing a bar is a failure, with all that was measured. */
async function bench({ root, env, log, limit, part, args }) {
  const started = Date.now();
  const script = `bench/gpu/${part}.mjs`;
  const { state, reason } = await runLimited(process.execPath, [script, ...args], {
    log,
    limit,
    env,
    cwd: root,
  });
  const path = join(root, 'bench/results', `gpu-${part}.json`);
  const fresh = existsSync(path) && statSync(path).mtimeMs >= started;
  if (!fresh) return { state: state === 'passed' ? 'failed' : state, reason: reason ?? 'it left no result' };
  const { bars, rows } = JSON.parse(readFileSync(path, 'utf8'));
  const figures = { bars, rows: rows.map(({ runs, ...row }) => row) };
  if (state !== 'passed') return { state, reason, figures, result: path };
  const missed = bars.filter(({ reached }) => !reached).map(({ name }) => name);
  if (bars.length > 0 && missed.length === 0) return { state: 'passed', figures, result: path };
  const why =
    bars.length === 0
      ? 'nothing was compared'
      : `${missed.length} of ${bars.length} bars missed: ${missed.join('; ')}`;
  return { state: 'failed', reason: why, figures, result: path };
}
