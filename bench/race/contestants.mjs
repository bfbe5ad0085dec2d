// Who takes part in the benchmarks of compile(), what they need, and how they are timed: all of them in each round.
//
// PYTHON names a Python with torch, onnxruntime and onnx (to write the file that ONNX Runtime reads). PEERS names a
// folder for what the peers need, by default ibn-net-peers in the system's temporary folder: onnxruntime-node, which
//   npm install --prefix "$PEERS" onnxruntime-node
// puts there, weights and ONNX files, and Inductor's compiled code. Whoever is missing gets a row that says so. Every
// peer gets its inputs in the layout and dtype that it takes without a conversion.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { median, python, root, rounded } from '../harness.mjs';
import { onnxruntimeNode } from '../peers/engines.mjs';
import { calibrationImages, floats, folder, inputOf, made, relativeError, weightsOf } from './files.mjs';
import { Peer } from './peer-process.mjs';

export { relativeError, weightsOf };

const [before] = loadavg();
if (before > 1) console.warn(`Other programs run (load ${before.toFixed(1)}): expect noise`);

/** The bars are about two threads. */
export const THREADS = Math.min(2, availableParallelism());

const torch = (engine, title, more = {}) => ({ title, language: 'python', engine, ...more });
const node = (engine, title, more = {}) => ({ title, language: 'node', engine, ...more });
const raised = { allocator: 'raised' };

/** By their names on the command line. `ours` are no peers. */
export const CONTESTANTS = {
  torch: torch('eager', 'PyTorch eager'),
  'torch-raised': torch('eager', 'PyTorch eager, raised malloc thresholds', raised),
  'torch-cl': torch('eager_cl', 'PyTorch eager channels_last'),
  'torch-cl-raised': torch('eager_cl', 'PyTorch eager channels_last, raised malloc thresholds', raised),
  inductor: torch('inductor', 'torch.compile, frozen'),
  'inductor-raised': torch('inductor', 'torch.compile, frozen, raised malloc thresholds', raised),
  'inductor-cl': torch('inductor_cl', 'torch.compile, frozen, channels_last'),
  onnxruntime: torch('onnxruntime', 'ONNX Runtime in Python'),
  'onnxruntime-node': node('onnxruntime-node', 'onnxruntime-node'),
  'onnxruntime-int8': torch('onnxruntime', 'ONNX Runtime in Python, static int8', { int8: true }),
  peak: torch('convolution_peak', 'oneDNN convolutions'),
  eager: node('eager', 'ibn-net eager', { ours: true }),
  'eager-raised': node('eager', 'ibn-net eager, raised malloc thresholds', { ours: true, ...raised }),
  'eager-cl': node('eager_cl', 'ibn-net eager channels_last', { ours: true }),
  'eager-spins': node('eager', 'ibn-net eager, spinning as libgomp does by itself', {
    ours: true,
    spins: 300_000,
  }),
  'eager-sleeps': node('eager', 'ibn-net eager, GOMP_SPINCOUNT=1000', { ours: true, spins: 1000 }),
  compiled: node('compiled', 'ibn-net compiled', { ours: true }),
  'compiled-int8': node('compiled-int8', 'ibn-net compiled, int8', { ours: true }),
  'compiled-lean': node('compiled-lean', 'ibn-net compiled, keepWeights: false', { ours: true }),
  'compiled-file': node('compiled-file', 'ibn-net compiled, from a saved file', { ours: true }),
};

/** The contestants named in a list with commas. */
export function chosen(list) {
  const names = list.split(',');
  const unknown = names.find((name) => !(name in CONTESTANTS));
  if (unknown === undefined) return names;
  console.error(`Unknown contestant "${unknown}"; there are: ${Object.keys(CONTESTANTS).join(', ')}`);
  process.exit(1);
}

const has = (module) =>
  spawnSync(python, ['-c', `import sys, importlib.util as u; sys.exit(u.find_spec("${module}") is None)`])
    .status === 0;

/** Why a contestant cannot take part, or undefined. */
export function absence({ language, engine }) {
  if (engine === 'onnxruntime-node') {
    try {
      onnxruntimeNode();
    } catch {
      return `peer not found: npm install --prefix "${folder}" onnxruntime-node`;
    }
  }
  if (language === 'python' && !has('torch')) return 'peer not found: set PYTHON to a Python with torch';
  if (engine === 'onnxruntime' && !has('onnxruntime')) return 'peer not found: pip install onnxruntime';
  if (engine.startsWith('onnxruntime') && !has('onnx')) return 'no ONNX file: pip install onnx';
  return undefined;
}

/** The network with those weights as an ONNX file. */
export const onnxOf = (network) =>
  made('onnx', `${network}.onnx`, (path) =>
    execFileSync(python, [join(root, 'bench/peers/export_onnx.py'), network, weightsOf(network), path]),
  );

/** That file as ONNX Runtime quantises it. */
const int8OnnxOf = (network) =>
  made('onnx', `${network}-int8.onnx`, (path) =>
    execFileSync(
      python,
      [join(root, 'bench/peers/quantize_onnx.py'), onnxOf(network), calibrationImages(), path],
      { stdio: 'pipe' },
    ),
  );

const compiledFiles = new Set();

/** The network as compile() saves it; made anew by each benchmark, since its format may change. */
function compiledOf(network, dtype) {
  const path = join(folder, 'compiled', `${network}-${dtype}.compiled`);
  if (compiledFiles.has(path)) return path;
  mkdirSync(join(folder, 'compiled'), { recursive: true });
  const settings = { engine: 'compiled', network, dtype, weights: weightsOf(network), threads: THREADS };
  const script = join(root, 'bench/peers/save-compiled.mjs');
  execFileSync(process.execPath, [script, JSON.stringify(settings), path], { stdio: 'pipe' });
  compiledFiles.add(path);
  return path;
}

/** Versions of what torch's own entry in a result does not tell. */
export function peerVersions() {
  const script = 'import importlib.metadata as m; print(m.version("onnxruntime"))';
  const { status, stdout } = spawnSync(python, ['-c', script], { encoding: 'utf8' });
  const installed = join(folder, 'node_modules/onnxruntime-node/package.json');
  return {
    onnxruntime: status === 0 ? stdout.trim() : null,
    'onnxruntime-node': existsSync(installed) ? JSON.parse(readFileSync(installed, 'utf8')).version : null,
  };
}

/** What a contestant reads beside the weights. */
function fileOf({ engine, int8 = false }, network, dtype) {
  if (engine === 'compiled-file') return compiledOf(network, dtype);
  if (engine === 'compiled-int8') return calibrationImages();
  if (!engine.startsWith('onnxruntime')) return undefined;
  return int8 ? int8OnnxOf(network) : onnxOf(network);
}

/** One network of one contestant: the process, and what was measured. */
class Entry {
  failure;
  turns = [];
  /** What a peer told beside its times, by round. */
  details = [];

  constructor(name, { network, dtype = 'float32', key = name, memory = false }) {
    const { title, ours = false, ...settings } = CONTESTANTS[name];
    Object.assign(this, { name, key, title, ours, network, wantsMemory: memory });
    this.failure = absence(settings);
    if (this.failure === undefined) this.#start(settings, dtype);
  }

  #start(settings, dtype) {
    const { network } = this;
    const cache = join(folder, 'inductor');
    try {
      const file = fileOf(settings, network, dtype);
      const weights = weightsOf(network);
      this.peer = new Peer({ ...settings, network, weights, file, dtype, threads: THREADS, cache });
    } catch (error) {
      const lines = String(error.stderr || error.message).split('\n');
      this.failure = lines.find((line) => line.includes('Error')) ?? lines[0];
      console.error(`${this.title}, ${network}: ${this.failure}`);
    }
  }

  /** Does `work` unless the peer failed before; a failure ends this peer, not the benchmark. */
  async attempt(work) {
    if (this.failure !== undefined) return;
    try {
      await work(this.peer);
    } catch (error) {
      [this.failure] = error.message.split('\n');
      console.error(`${this.title}, ${this.network}: ${error.message}`);
      this.peer.end();
    }
  }

  /** The first run, for which Inductor has to compile. */
  async prepare(batch) {
    const output = join(folder, 'inputs', `output-${this.key}.bin`);
    await this.attempt(async (peer) => {
      await peer.ask({ do: 'prepare', batch, input: inputOf(batch), output }, 1_800_000);
      this.output = floats(output);
      this.turns = [];
      this.details = [];
    });
  }

  /** Sees how many runs fill a turn. */
  async estimate(batch, turnMs) {
    await this.attempt(async (peer) => {
      const { times } = await peer.ask({ do: 'time', batch, warmup: 1, iterations: 2 });
      this.iterations = Math.max(2, Math.min(15, Math.round(turnMs / Math.min(...times))));
    });
  }

  async turn(batch) {
    await this.attempt(async (peer) => {
      const { iterations } = this;
      const warmup = iterations > 4 ? 2 : 1;
      const { times, ...more } = await peer.ask({ do: 'time', batch, warmup, iterations });
      this.turns.push(times);
      if (this.wantsMemory) this.memory = await peer.ask({ do: 'memory' });
      this.details.push(more);
    });
  }
}

/** Median over the rounds of the ratio of two entries' times; undefined if one of them failed. */
export function ratio(one, other) {
  if (one?.failure !== undefined || other?.failure !== undefined) return undefined;
  if (!one?.turns.length || !other?.turns.length) return undefined;
  return median(one.turns.map((times, i) => median(times) / median(other.turns[i])));
}

/** What needs no clock, for two entries at a time. */
async function byTwo(entries, work) {
  const waiting = [...entries];
  const lane = async () => {
    for (let entry = waiting.shift(); entry !== undefined; entry = waiting.shift()) await work(entry);
  };
  await Promise.all([lane(), lane()]);
}

/**
 * Lets contestants run in turn, and calls `each(batch, entries)` after each batch size. `list` has names, or objects
 * `{ name, network, dtype, key }` for what differs between them. The order turns with each round.
 */
export async function race({ list, batches, rounds, turnMs = 250, ...shared }, each) {
  const entries = list.map((one) =>
    typeof one === 'string' ? new Entry(one, shared) : new Entry(one.name, { ...shared, ...one }),
  );
  await byTwo(entries, (entry) => entry.attempt((peer) => peer.ready()));
  for (const batch of batches) {
    const load = loadavg()[0];
    await byTwo(entries, (entry) => entry.prepare(batch));
    if (rounds[batch] > 0) for (const entry of entries) await entry.estimate(batch, turnMs);
    for (let round = 0; round < rounds[batch]; round++) {
      for (let i = 0; i < entries.length; i++) await entries[(round + i) % entries.length].turn(batch);
    }
    each(batch, entries, load);
  }
  for (const { peer } of entries) peer?.end();
}

/** Milliseconds of an entry. */
export function milliseconds({ failure, turns }) {
  if (failure !== undefined) return { ms: failure };
  if (turns.length === 0) return {};
  const times = turns.flat();
  return { ms: rounded(median(turns.map(median))), min: rounded(Math.min(...times)) };
}

export { rounded };
