// PyTorch's OpInfo database and random index tuples, recorded by Python and compared with this package bit for bit:
//   PYTHON=/path/to/python node scripts/opinfo/replay.mjs [--calls 8] [--tuples 6000] [--ops PATTERN] [--json OUT]
// Fails for a difference that known.json does not name with a reason, and for a reason that explains nothing any more.
// Without a Python that has torch of this libtorch's version it says so and ends well. Recordings are not kept.
import { spawnSync } from 'node:child_process';
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import * as torch from '../../dist/index.js';
import { replayCall } from './calls.mjs';
import { replayIndexCase } from './index-cases.mjs';
import { knownReason, staleReasons } from './known.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const { values: options } = parseArgs({
  options: {
    calls: { type: 'string', default: '8' },
    tuples: { type: 'string', default: '6000' },
    ops: { type: 'string', default: '' },
    json: { type: 'string' },
  },
});
const python = process.env.PYTHON ?? 'python3';

function runPython(args) {
  const result = spawnSync(python, args, { encoding: 'utf8', maxBuffer: 2 ** 30 });
  if (result.status !== 0) throw new Error(`${python} ${args.join(' ')} failed:\n${result.stderr}`);
  return result.stdout;
}

function hasTorch() {
  const { stdout, status } = spawnSync(python, ['-c', 'import torch; print(torch.__version__)'], {
    encoding: 'utf8',
  });
  if (status === 0) return stdout.trim();
  console.log(`skipped: ${python} has no torch; set PYTHON`);
  return undefined;
}

// Members that the class defines itself, with signatures of their own, are no ops.
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
const surface = { ...torch, isOwnMember: (name) => OWN.has(name) || !(name in torch.Tensor.prototype) };

const counts = {};
const count = (way) => {
  counts[way] = (counts[way] ?? 0) + 1;
};

// Some ops are registered by Python: libtorch does not have them.
const registered = new Set(torch.listOps().map((name) => name.split('.')[0]));

async function replayCalls(path, differences) {
  for await (const line of createInterface({ input: createReadStream(path) })) {
    const call = JSON.parse(line);
    if (!registered.has(call.op)) {
      count('call of an op that Python registers');
      continue;
    }
    count('call');
    for (const [way, text] of replayCall(surface, call, count)) differences.push({ call, way, text });
  }
}

function replayTuples(differences) {
  const lines = runPython([join(here, 'index_tuples.py'), options.tuples, '12'])
    .trim()
    .split('\n');
  for (const line of lines) {
    count('index tuple');
    const call = { op: 'index tuple', overload: null, args: [] };
    for (const text of replayIndexCase(torch, JSON.parse(line)))
      differences.push({ call, way: 'index', text });
  }
}

function report(differences, version) {
  const known = {};
  const unknown = [];
  for (const difference of differences) {
    const reason = knownReason(difference);
    if (reason === undefined) unknown.push(difference);
    else known[reason] = (known[reason] ?? 0) + 1;
  }
  for (const { call, way, text } of unknown.slice(0, 40))
    console.log(
      `${call.op}.${call.overload} (${way}): ${text.slice(0, 400)}\n   ${JSON.stringify(call.args).slice(0, 300)}`,
    );
  const stale = options.ops === '' ? staleReasons() : [];
  for (const reason of stale) console.log(`explains nothing any more: ${reason}`);
  const summary = { processor: cpus()[0].model, torch: version, counts, known, unknown: unknown.length };
  console.log(JSON.stringify(summary, null, 2));
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(summary, null, 2)}\n`);
  return unknown.length + stale.length;
}

async function main(version) {
  const folder = mkdtempSync(join(tmpdir(), 'ibn-opinfo-'));
  const differences = [];
  try {
    const path = process.env.OPINFO_RECORDING ?? join(folder, 'calls.jsonl');
    if (process.env.OPINFO_RECORDING === undefined)
      console.log(runPython([join(here, 'record.py'), path, options.calls, options.ops]).trim());
    await replayCalls(path, differences);
    replayTuples(differences);
  } finally {
    rmSync(folder, { recursive: true });
  }
  process.exitCode = report(differences, version) === 0 ? 0 : 1;
}

process.on('warning', () => {});
torch.setNumThreads?.(1);
const version = hasTorch();
if (version !== undefined) await main(version);
