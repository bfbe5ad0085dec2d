// PyTorch's OpInfo database and random index tuples, recorded by Python and compared with this package bit for bit:
//   PYTHON=/path/to/python node scripts/opinfo/replay.mjs [--most 12] [--samples 24] [--tuples 6000] [--ops PATTERN]
//     [--recording FILE] [--record]
// Fails for a difference that known.json does not name with a reason, and for a reason that explains nothing any more.
// Without a Python that has torch it says so and ends well. Nothing recorded is kept, but --recording reads a file that
// record.py wrote; --record writes bench/results/opinfo.json.
import { spawn, spawnSync } from 'node:child_process';
import { createReadStream, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { replayCall } from './calls.mjs';
import { replayIndexCase } from './index-cases.mjs';
import { knownReason, staleReasons } from './known.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const { values: options } = parseArgs({
  options: {
    most: { type: 'string', default: '12' },
    samples: { type: 'string', default: '24' },
    tuples: { type: 'string', default: '6000' },
    ops: { type: 'string', default: '' },
    recording: { type: 'string' },
    record: { type: 'boolean', default: false },
    shown: { type: 'string', default: '40' },
  },
});
// What the class defines itself has a signature of its own.
const OWN = new Set([
  'item',
  'data',
  'to',
  'index',
  'size',
  'stride',
  'dim',
  'numel',
  'isLeaf',
  'layout',
  'where',
  'requiresGrad_',
]);

const python = process.env.PYTHON ?? 'python3';
const RESULTS = join(here, '../../bench/results/opinfo.json');
const counts = {};
const count = (way) => {
  counts[way] = (counts[way] ?? 0) + 1;
};

/** Lines that a script writes to a descriptor of its own; MKL prints to standard output. */
async function* linesOf(script, args) {
  const child = spawn(python, [join(here, script), '3', ...args], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  });
  let complaints = '';
  child.stderr.on('data', (text) => {
    complaints = (complaints + text).slice(-4000);
  });
  const ended = new Promise((resolve) => child.on('close', (...how) => resolve(how)));
  yield* createInterface({ input: child.stdio[3] });
  const [status, signal] = await ended;
  if (status !== 0) throw new Error(`${python} ${script} ended with ${status ?? signal}:\n${complaints}`);
}

function recordedLines() {
  if (options.recording !== undefined) return createInterface({ input: createReadStream(options.recording) });
  return linesOf('record.py', ['--most', options.most, '--samples', options.samples, '--ops', options.ops]);
}

async function replayCalls(surface, differences) {
  const registered = new Set(surface.listOps().map((name) => name.split('.')[0]));
  const overloads = new Set();
  for await (const line of recordedLines()) {
    const call = JSON.parse(line);
    if (call.op === undefined) {
      counts.recorder = call;
      continue;
    }
    // Some ops are registered by Python: libtorch does not have them.
    if (!registered.has(call.op)) {
      count('call of an op that Python registers');
      continue;
    }
    count(call.overload === null ? 'promotion' : 'call');
    if (call.error !== undefined) count('refusal');
    if (call.overload !== null) overloads.add(`${call.op}.${call.overload}`);
    for (const difference of replayCall(surface, call, count)) differences.push({ call, ...difference });
  }
  counts.overloads = overloads.size;
}

async function replayTuples(torch, differences) {
  for await (const line of linesOf('index_tuples.py', [options.tuples, '12'])) {
    count('index tuple');
    const call = { op: 'index tuple', overload: null, args: [] };
    for (const text of replayIndexCase(torch, JSON.parse(line)))
      differences.push({ call, way: 'index', text });
  }
}

const nameOf = ({ op, overload }) => (overload ? `${op}.${overload}` : op);

/** The first difference of each kind; by overload and way there are too many alike. */
function show(unknown) {
  const groups = new Map();
  for (const difference of unknown) {
    const name = `${nameOf(difference.call)} (${difference.way})`;
    groups.set(name, [...(groups.get(name) ?? []), difference]);
  }
  for (const [name, [{ call, text }, ...rest]] of [...groups].slice(0, Number(options.shown))) {
    console.log(`${name}, ${rest.length + 1} times: ${text.slice(0, 500)}`);
    console.log(`   ${JSON.stringify([call.args, call.kwargs]).slice(0, 250)}`);
  }
  console.log(`${groups.size} kinds`);
}

/** Differences with a reason, by reason with the names of the overloads, and those without. */
function sorted(differences) {
  const reasons = new Map();
  const unknown = [];
  for (const difference of differences) {
    const reason = knownReason(difference);
    if (reason === undefined) unknown.push(difference);
    else reasons.set(reason, [...(reasons.get(reason) ?? []), nameOf(difference.call)]);
  }
  const known = [...reasons].map(([reason, names]) => ({
    reason,
    differences: names.length,
    overloads: [...new Set(names)].sort(),
  }));
  return [known, unknown];
}

function report(differences, version) {
  const [known, unknown] = sorted(differences);
  show(unknown);
  const stale = options.ops === '' && options.recording === undefined ? staleReasons() : [];
  for (const reason of stale) console.log(`explains nothing any more: ${reason}`);
  const date = new Date().toISOString().slice(0, 10);
  const { recorder, ...counted } = counts;
  const summary = {
    question: 'Does every op give what Python gives, bit for bit?',
    date,
    processor: cpus()[0].model,
    torch: version,
    counts: counted,
    known,
    unknown: unknown.length,
  };
  console.log(JSON.stringify(summary, null, 2));
  if (options.record) writeFileSync(RESULTS, `${JSON.stringify(summary, null, 2)}\n`);
  return unknown.length + stale.length;
}

async function main(torch, version) {
  torch.setNumThreads(1);
  const isOwnMember = (name) => OWN.has(name) || !(name in torch.Tensor.prototype);
  const differences = [];
  await replayCalls({ ...torch, isOwnMember }, differences);
  if (options.ops === '') await replayTuples(torch, differences);
  process.exitCode = report(differences, version) === 0 ? 0 : 1;
}

process.removeAllListeners('warning');
const probe = spawnSync(python, ['-c', 'import torch; print(torch.__version__)'], { encoding: 'utf8' });
const version = probe.status === 0 ? probe.stdout.trim() : undefined;
const torch = await import('../../dist/index.js');
const { torchVersion } = torch.runtimeInfo();
if (version?.split('+')[0] === torchVersion) await main(torch, version);
else
  console.log(
    `opinfo: not compared, as ${python} has ${version === undefined ? 'no torch' : `torch ${version}`}; set PYTHON to one with torch ${torchVersion}`,
  );
