// Who takes part in the benchmarks of a GPU, and how they are timed: all of them in turn in each round, one at a time.
// PYTHON names a Python with torch. PEERS names a folder for weights, inputs and Inductor's compiled code, by default
// ibn-net-peers in the system's temporary folder. A peer that fails gets a row that says so.
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { median, root, rounded } from '../harness.mjs';
import { floats, folder, inputOf, relativeError, weightsOf } from './files.mjs';
import { Peer } from './peer-process.mjs';

export { relativeError };

/** The command line of a benchmark in bench/gpu. Ends the process where there is no GPU. */
export function settingsOf(defaults) {
  const option = (name) => ({ [name]: { type: 'string', default: defaults[name] } });
  const names = ['batches', 'rounds', 'device', 'contestants'];
  const { values } = parseArgs({
    options: Object.assign({}, ...names.map(option), { 'prepare-limit': { type: 'string', default: '540' } }),
  });
  const device = values.device ?? 'cuda';
  if (device === 'cuda') requireGpu();
  return {
    batches: values.batches.split(',').map(Number),
    contestants: values.contestants.split(','),
    rounds: Number(values.rounds),
    device,
    prepareLimitMs: Number(values['prepare-limit']) * 1000,
  };
}

function requireGpu() {
  const program = `import { cuda } from ${JSON.stringify(pathToFileURL(join(root, 'dist/index.js')).href)};
    const reason = cuda.unavailableReason();
    if (reason !== null) { console.error(reason); process.exit(1); }`;
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
  });
  if (status === 0) return;
  console.error(`Expected a GPU, got none: ${stderr.trim().split('\n').pop()}`);
  process.exit(1);
}

/** One contestant in one process. */
class Entry {
  failure;
  turns = [];

  constructor({ key, title, language, network, untimed = false, ...settings }, { device, prepareLimitMs }) {
    Object.assign(this, { key, title, network, untimed, prepareLimitMs });
    const script = language === 'python' ? 'serve_gpu.py' : 'serve-gpu.mjs';
    const cache = join(folder, 'inductor');
    const [threads, compileThreads] = [Math.min(8, availableParallelism()), availableParallelism()];
    try {
      const weights = weightsOf(network);
      this.peer = new Peer({
        language,
        script,
        network,
        weights,
        device,
        threads,
        cache,
        compileThreads,
        ...settings,
        // A rehearsal without a GPU: few processors have float16.
        ...(device === 'cpu' && settings.dtype === 'float16' ? { dtype: 'bfloat16' } : {}),
      });
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error) {
    [this.failure] = String(error.stderr || error.message)
      .trim()
      .split('\n')
      .slice(-1);
    console.error(`${this.title}, ${this.network}: ${this.failure}`);
    this.peer?.end();
  }

  /** A failure ends this peer, not the benchmark. */
  async attempt(work) {
    if (this.failure !== undefined) return;
    try {
      await work(this.peer);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The first run, for which Inductor compiles and measures its kernels. */
  async prepare(batch) {
    this.turns = [];
    const output = join(folder, 'inputs', `gpu-${this.key.replaceAll(' ', '-')}.bin`);
    const start = performance.now();
    await this.attempt(async (peer) => {
      await peer.ask({ do: 'prepare', batch, input: inputOf(batch), output }, this.prepareLimitMs);
      this.output = floats(output);
      this.prepareSeconds = Number(((performance.now() - start) / 1000).toFixed(1));
    });
  }

  /** Warms up, and sees how many runs fill a turn. */
  async estimate(batch, turnMs) {
    await this.attempt(async (peer) => {
      const { wall } = await peer.ask({ do: 'time', batch, warmup: 5, iterations: 5 });
      this.iterations = Math.max(5, Math.min(200, Math.round(turnMs / median(wall))));
    });
  }

  async turn(batch) {
    await this.attempt(async (peer) => {
      const { iterations } = this;
      const warmup = Math.max(3, Math.round(iterations / 5));
      const { wall, host, queued } = await peer.ask({ do: 'time', batch, warmup, iterations });
      this.turns.push({ wall: median(wall), host: median(host), queued });
    });
  }

  async readMemory() {
    await this.attempt(async (peer) => {
      this.gpuMB = Math.round((await peer.ask({ do: 'memory' })).peak ?? 0) || undefined;
    });
  }
}

/**
 * Lets contestants run in turn, and calls `each(batch, entries)` after each batch size. The order turns with each round.
 * `list` has objects with `key`, `title`, `language`, `network` and what the peer takes; `untimed` ones run once.
 */
export async function race(list, { batches, rounds, turnMs = 400, ...shared }, each) {
  const entries = list.map((one) => new Entry(one, shared));
  for (const entry of entries) await entry.attempt((peer) => peer.ready());
  for (const batch of batches) {
    for (const entry of entries) await entry.prepare(batch);
    const timed = entries.filter(({ untimed }) => !untimed);
    for (const entry of timed) await entry.estimate(batch, turnMs);
    for (let round = 0; round < rounds; round++) {
      for (let i = 0; i < timed.length; i++) await timed[(round + i) % timed.length].turn(batch);
    }
    for (const entry of timed) await entry.readMemory();
    await each(batch, entries);
  }
  for (const { peer } of entries) peer?.end();
}

/** How many times as long `one` takes as `other`: the median over the rounds; undefined where one failed. */
export function timesAsLong(one, other, figure) {
  if (!one?.turns.length || one.turns.length !== other?.turns.length) return undefined;
  return median(one.turns.map((turn, i) => turn[figure] / other.turns[i][figure]));
}

/** A row of the result: medians in ms, or why there are none. */
export function rowOf(name, { failure, turns, prepareSeconds, gpuMB }, more = {}) {
  if (failure !== undefined) return { name, medians: { wall: failure }, ...more };
  const medians = Object.fromEntries(
    ['wall', 'host', 'queued'].map((figure) => [figure, rounded(median(turns.map((turn) => turn[figure])))]),
  );
  return { name, medians, prepareSeconds, gpuMB, ...more, runs: turns };
}

/** A bar: `value` has to be at least, or at most, so much. One that could not be measured is missed. */
export function barOf(name, value, { atLeast, atMost }) {
  const bar = atLeast === undefined ? `<= ${atMost}` : `>= ${atLeast}`;
  const reached = atLeast === undefined ? value <= atMost : value >= atLeast;
  return { name, value: rounded(value) ?? null, bar, reached };
}
