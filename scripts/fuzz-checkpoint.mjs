// Reads damaged checkpoints of every format and expects each to be read or refused: no crash, no other error, no case
// over a second, no copies beyond the file's size. Needs dist/ (npm run build) and no libtorch.
//   node scripts/fuzz-checkpoint.mjs [--cases 20000] [--seed 1] [--seconds S] [--from N] [--out FILE] [--shards N]
//     [--record]
// A case that fails is written to FILE (default fuzz-failure.bin). --record writes bench/results/checkpoint-fuzz.json.
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
// A case is refused after a second of the processor; this is for one that never ends, on a machine with other work.
const HANG_SECONDS = 60;
// The reader's own budgets must hold; V8's limit only shows where they do not.
const HEAP_MEGABYTES = 256;
const STEP = 500;

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '20000' },
    seed: { type: 'string', default: '1' },
    seconds: { type: 'string' },
    from: { type: 'string', default: '0' },
    out: { type: 'string', default: 'fuzz-failure.bin' },
    record: { type: 'boolean', default: false },
    shards: { type: 'string', default: '1' },
    child: { type: 'boolean', default: false },
  },
});

async function makeCases() {
  const load = (name) => import(pathToFileURL(join(root, 'dist/checkpoint', name)).href);
  const [reader, source, dtypes, zip] = await Promise.all(
    ['reader.js', 'byte-source.js', 'dtypes.js', 'zip/writer.js'].map(load),
  );
  const { Cases, readSeeds } = await import('./fuzz/checkpoint-cases.mjs');
  const seeds = readSeeds(join(root, 'test/fixtures/checkpoint'));
  return {
    cases: new Cases(Number(values.seed), seeds, zip.ZipWriter),
    lib: { ...reader, ...source, ...dtypes },
  };
}

/** The child: reads case after case and tells where it is. */
async function work() {
  const { cases, lib } = await makeCases();
  const { readCase } = await import('./fuzz/checking-backend.mjs');
  const say = (message) => process.send(message);
  const outcomes = {};
  let [slowest, tensors] = [{ ms: 0 }, 0];
  const [from, to] = [Number(values.from), Number(values.from) + Number(values.cases)];
  const end = values.seconds ? performance.now() + Number(values.seconds) * 1000 : Infinity;
  let index = from;
  for (; index < to && performance.now() < end; index++) {
    if ((index - from) % STEP === 0) say({ index });
    if ((index - from) % STEP === 0) await new Promise(setImmediate);
    const { name, kind, bytes } = cases.at(index);
    let { result, ms } = timed(() => readCase(bytes, lib, kind));
    // Once more, in case it was the machine that stood still.
    if (ms > 1000) ({ result, ms } = timed(() => readCase(bytes, lib, kind)));
    tensors += result.tensors;
    count(outcomes, kind, result.outcome);
    if (ms > slowest.ms) slowest = { ms: Number(ms.toFixed(1)), index, name, bytes: bytes.length };
    if (ms > 1000) throw new Error(`Expected less than a second, took ${ms.toFixed(0)} ms`);
  }
  const peakRssMegabytes = Math.round(process.resourceUsage().maxRSS / 1024);
  say({ done: { cases: index - from, outcomes, tensors, slowest, peakRssMegabytes } });
}

/** The processor's time, or the clock's where that is less: other programs on the machine do not count. */
function timed(work) {
  const [start, used] = [performance.now(), process.cpuUsage()];
  const result = work();
  const { user, system } = process.cpuUsage(used);
  return { result, ms: Math.min(performance.now() - start, (user + system) / 1000) };
}

function count(outcomes, kind, outcome) {
  outcomes[kind] ??= {};
  outcomes[kind][outcome] = (outcomes[kind][outcome] ?? 0) + 1;
}

/** Runs the child and watches it; resolves to its summary, or to where it was when it failed. */
function watch(from, count, step) {
  const args = [`--max-old-space-size=${HEAP_MEGABYTES}`, fileURLToPath(import.meta.url), '--child'];
  const range = ['--from', `${from}`, '--cases', `${count}`, '--seed', values.seed];
  const seconds = values.seconds && step > 1 ? ['--seconds', values.seconds] : [];
  const child = spawn(process.execPath, [...args, ...range, ...seconds], {
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
  });
  let [stderr, reached, done, idle] = ['', from, undefined, 0];
  // Counts seconds in which this process ran too, so that a machine that slept is no hang.
  const patience = HANG_SECONDS * Math.max(1, step / 100);
  const timer = setInterval(() => {
    if (++idle > patience) child.kill('SIGKILL');
  }, 1000);
  child.stderr.on('data', (chunk) => {
    stderr = (stderr + chunk).slice(-4000);
  });
  child.on('message', (message) => {
    idle = 0;
    if (message.done) done = message.done;
    else reached = message.index;
    if (step > 1 && message.index > from && message.index % (STEP * 100) === 0)
      console.log(`${message.index} cases`);
  });
  return new Promise((resolve) => {
    child.on('exit', (code, signal) => {
      clearInterval(timer);
      resolve(done && code === 0 ? { done } : { reached, reason: signal ?? `exit ${code}`, stderr });
    });
  });
}

/** The first failing case at or after `from`, each in a process of its own. */
async function pinpoint(from) {
  for (let index = from; index < from + STEP; index++) {
    const result = await watch(index, 1, 1);
    if (!result.done) return { index, ...result };
  }
  return undefined;
}

/** As many processes as asked for, each with its part of the cases. */
async function runShards() {
  const [from, cases, shards] = [values.from, values.cases, values.shards].map(Number);
  const bounds = Array.from(
    { length: shards + 1 },
    (_, shard) => from + Math.round((cases * shard) / shards),
  );
  const results = await Promise.all(
    bounds.slice(1).map((end, shard) => watch(bounds[shard], end - bounds[shard], STEP)),
  );
  return results.find((result) => !result.done) ?? { done: results.map(({ done }) => done).reduce(merged) };
}

function merged(one, other) {
  const outcomes = structuredClone(one.outcomes);
  for (const [kind, counts] of Object.entries(other.outcomes)) {
    outcomes[kind] ??= {};
    for (const [outcome, many] of Object.entries(counts))
      outcomes[kind][outcome] = (outcomes[kind][outcome] ?? 0) + many;
  }
  const slowest = one.slowest.ms > other.slowest.ms ? one.slowest : other.slowest;
  const peakRssMegabytes = Math.max(one.peakRssMegabytes, other.peakRssMegabytes);
  const [cases, tensors] = [one.cases + other.cases, one.tensors + other.tensors];
  return { cases, outcomes, tensors, slowest, peakRssMegabytes };
}

async function main() {
  const start = performance.now();
  const result = await runShards();
  if (result.done) {
    const shards = Number(values.shards);
    report({ ...result.done, shards, seconds: Math.round((performance.now() - start) / 1000) });
    return;
  }
  console.error(
    `Stopped between ${result.reached} and ${result.reached + STEP}: ${result.reason}\n${result.stderr}`,
  );
  const failure = await pinpoint(result.reached);
  if (failure) {
    const { cases } = await makeCases();
    const { name, bytes } = cases.at(failure.index);
    writeFileSync(values.out, bytes);
    console.error(
      `Case ${failure.index} of seed ${values.seed}, from ${name}, is in ${values.out}\n${failure.stderr}`,
    );
  }
  process.exitCode = 1;
}

function report(summary) {
  const machine = { cpu: cpus()[0]?.model.trim(), node: process.version };
  const heapLimitMegabytes = HEAP_MEGABYTES;
  const result = { seed: Number(values.seed), ...summary, heapLimitMegabytes, machine };
  console.log(JSON.stringify(result, null, 1));
  if (!values.record) return;
  mkdirSync(join(root, 'bench/results'), { recursive: true });
  const question =
    'Are damaged checkpoints read or refused: no crash, no hang over a second, bounded memory?';
  const record = { question, date: new Date().toISOString().slice(0, 10), ...result };
  writeFileSync(join(root, 'bench/results/checkpoint-fuzz.json'), `${JSON.stringify(record, null, 1)}\n`);
}

await (values.child ? work() : main());
if (values.child) process.disconnect();
