// How long does a training step take on the CPU, and how much memory? PyTorch eager in both layouts, torch.compile and ours, each in
// a process of its own that is stopped while others have the turn. Steps of one settings object follow one another in turn.
//   node bench/train-step.mjs [--networks resnet50_ibn_a:16,resnet18_ibn_a:32] [--dtypes float32,bfloat16] [--rounds 7]
// TORCHINDUCTOR_CACHE_DIR keeps what torch.compile made for the next run. PYTHON: a Python with torch.
import { parseArgs } from 'node:util';
import { median, rounded } from './harness.mjs';
import { Peer } from './race/peer-process.mjs';
import { record } from './race/record.mjs';

const { values } = parseArgs({
  options: {
    networks: { type: 'string', default: 'resnet50_ibn_a:16,resnet18_ibn_a:32' },
    dtypes: { type: 'string', default: 'float32,bfloat16' },
    rounds: { type: 'string', default: '7' },
    contestants: { type: 'string' },
  },
});
const THREADS = 2;
const python = { language: 'python', script: 'train_step.py' };
const node = { language: 'node', script: 'train-step.mjs' };

/** By dtype; in bfloat16 all are channels_last, as the bar says. */
const CONTESTANTS = {
  float32: {
    eager: { ...python, channelsLast: false, compile: false },
    'eager, channels_last': { ...python, channelsLast: true, compile: false },
    compile: { ...python, channelsLast: false, compile: true },
    'compile, channels_last': { ...python, channelsLast: true, compile: true },
    'ibn-net': { ...node, channelsLast: false, fuseNorms: false },
    'ibn-net, channels_last': { ...node, channelsLast: true, fuseNorms: false },
    'ibn-net, fused norms, channels_last': { ...node, channelsLast: true, fuseNorms: true },
  },
  bfloat16: {
    'eager, channels_last': { ...python, channelsLast: true, compile: false },
    'compile, channels_last': { ...python, channelsLast: true, compile: true },
    'ibn-net, channels_last': { ...node, channelsLast: true, fuseNorms: false },
    'ibn-net, fused norms, channels_last': { ...node, channelsLast: true, fuseNorms: true },
  },
};

async function start(settings) {
  const peer = new Peer({ ...settings, threads: THREADS, cache: process.env.TORCHINDUCTOR_CACHE_DIR });
  await peer.ready(600_000);
  return peer;
}

async function race(network, batch, dtype) {
  const wanted = values.contestants?.split(';');
  const runs = new Map();
  for (const [name, settings] of Object.entries(CONTESTANTS[dtype])) {
    if (wanted !== undefined && !wanted.includes(name)) continue;
    runs.set(name, { peer: await start({ ...settings, network, batch, dtype }), found: [] });
  }
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const { peer, found } of runs.values()) found.push(await peer.ask({ do: 'time', steps: 1 }));
  }
  for (const { peer } of runs.values()) peer.end();
  return [...runs].map(([name, { found }]) => ({ name, found }));
}

const ratio = (ours, theirs) =>
  rounded(median(ours.found.map(({ ms }, round) => ms / theirs.found[round].ms)));

/** A row for each contestant; its time is a multiple of the first one's. */
function rowsOf(title, contestants) {
  return contestants.map(({ name, found }) => ({
    name: `${title} ${name}`,
    medians: {
      ms: rounded(median(found.map(({ ms }) => ms))),
      peakMB: Math.round(Math.max(...found.map(({ peakMB }) => peakMB))),
    },
    ratios: { ms: ratio({ found }, contestants[0]) },
    runs: found.map(({ ms }) => rounded(ms)),
  }));
}

const BARS = {
  float32: [
    ['eager', 0.8],
    ['compile', 0.97],
    ['compile, channels_last', 0.97],
  ],
  bfloat16: [['compile, channels_last', 0.95]],
};

function barsOf(title, dtype, contestants) {
  const find = (name) => contestants.find((one) => one.name === name);
  const ours = find('ibn-net, fused norms, channels_last');
  if (ours === undefined) return [];
  return BARS[dtype]
    .filter(([peer]) => find(peer) !== undefined)
    .map(([peer, atMost]) => {
      const measured = ratio(ours, find(peer));
      return { name: `${title} fused norms against ${peer}`, measured, atMost, met: measured <= atMost };
    });
}

for (const entry of values.networks.split(',')) {
  const [network, batch] = entry.split(':');
  for (const dtype of values.dtypes.split(',')) {
    const title = `${network} b${batch} ${dtype}:`;
    const contestants = await race(network, Number(batch), dtype);
    record(
      'train-step',
      'A training step (forward, backward, SGD) at 224 px on the CPU, ms (x ms: against the first)',
      {
        rows: rowsOf(title, contestants),
        bars: barsOf(title, dtype, contestants),
      },
    );
  }
}
process.exit(0);
