// How many single images does one Node process answer to 16 callers at once, and does its event loop stay free?
// compile() with micro-batching and without, against onnxruntime-node as it is and as its users can make it faster:
// batches gathered in JavaScript, or a session of one thread in each of two workers. Two threads for each.
//   node bench/serving.mjs --callers 16 --rounds 7 --seconds 3
// PYTHON and PEERS: see bench/race/contestants.mjs. About 4 minutes.
import { parseArgs } from 'node:util';
import { median } from './harness.mjs';
import { absence, onnxOf, relativeError, rounded, THREADS, weightsOf } from './race/contestants.mjs';
import { Peer } from './race/peer-process.mjs';
import { record } from './race/record.mjs';

const { values } = parseArgs({
  options: {
    network: { type: 'string', default: 'resnet50_ibn_a' },
    callers: { type: 'string', default: '16' },
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '3' },
    'max-delay': { type: 'string', default: '2' },
    only: { type: 'string', default: '' },
    name: { type: 'string', default: 'serving' },
  },
});
const callers = Number(values.callers);
const maxDelayMs = Number(values['max-delay']);
const LOOP_BAR = 10;

const BATCHED = 'ibn-net compiled, micro-batching';
const SERVERS = [
  { title: BATCHED, server: 'compiled', maxBatch: 16, maxDelayMs },
  { title: 'ibn-net compiled, micro-batches of 8', server: 'compiled', maxBatch: 8, maxDelayMs },
  { title: 'ibn-net compiled, one by one', server: 'compiled' },
  { title: 'onnxruntime-node, one by one', server: 'onnxruntime' },
  { title: 'onnxruntime-node, batches of 8', server: 'onnxruntimeBatched', maxBatch: 8 },
  { title: 'onnxruntime-node, batches of 16', server: 'onnxruntimeBatched', maxBatch: 16 },
  { title: 'onnxruntime-node, two workers', server: 'onnxruntimeWorkers', workers: 2 },
].filter(({ title }) => title.includes(values.only));

async function attempt(one, work) {
  if (one.failure !== undefined) return;
  try {
    await work();
  } catch (error) {
    one.failure = error.message;
    one.peer?.end();
  }
}

function start({ title, ...settings }) {
  const engine = settings.server === 'compiled' ? 'compiled' : 'onnxruntime-node';
  const one = { title, ours: engine === 'compiled', failure: absence({ engine }), turns: [] };
  if (one.failure !== undefined) return one;
  const { network } = values;
  const file = one.ours ? undefined : onnxOf(network);
  const shared = { network, weights: weightsOf(network), file, dtype: 'float32', threads: THREADS, callers };
  one.peer = new Peer({ language: 'node', script: 'serving-load.mjs', ...shared, ...settings });
  return one;
}

/** Median of each figure over the rounds. */
function medians({ failure, turns }) {
  if (failure !== undefined || turns.length === 0) return { 'requests/s': failure };
  const { times, ...first } = turns[0];
  return Object.fromEntries(
    Object.keys(first).map((key) => [key, rounded(median(turns.map((turn) => turn[key])))]),
  );
}

function ratio(one, other) {
  if (one === undefined || other === undefined || one.failure !== undefined || other.failure !== undefined)
    return undefined;
  return median(one.turns.map((turn, i) => turn['requests/s'] / other.turns[i]['requests/s']));
}

const servers = [];
for (const settings of SERVERS) {
  const one = start(settings);
  await attempt(one, async () => {
    one.logits = (await one.peer.ready()).logits.flat();
  });
  servers.push(one);
}
for (let round = 0; round < Number(values.rounds); round++) {
  for (let i = 0; i < servers.length; i++) {
    const one = servers[(round + i) % servers.length];
    await attempt(one, async () => {
      one.turns.push(await one.peer.ask({ callers, seconds: Number(values.seconds) }));
    });
  }
}
for (const { peer } of servers) peer?.end();

const reference = servers.find(({ ours, logits }) => !ours && logits)?.logits;
const single = servers.find(({ title }) => title === 'onnxruntime-node, one by one');
const rows = servers.map((one) => ({
  name: one.title,
  medians: {
    ...medians(one),
    error: one.logits && reference && Number(relativeError(one.logits, reference).toExponential(1)),
  },
  ratios: { 'onnxruntime-node, one by one': rounded(ratio(one, single)) },
  runs: one.turns,
}));
const batched = servers.find(({ title }) => title === BATCHED);
const bars = servers
  .filter(({ ours, failure }) => !ours && failure === undefined && batched?.failure === undefined && batched)
  .map((peer) => ({
    name: `requests/s: micro-batching / ${peer.title}`,
    value: rounded(ratio(batched, peer)),
    bar: 1,
  }))
  .map((bar) => ({ ...bar, reached: bar.value >= bar.bar }));
for (const one of servers.filter(({ ours, failure }) => ours && failure === undefined)) {
  const value = medians(one)['loop p99'];
  bars.push({ name: `event loop p99, ms: ${one.title}`, value, bar: LOOP_BAR, reached: value < LOOP_BAR });
}
const question = `${values.network}: single images to ${callers} callers; requests and event-loop delay in ms`;
record(values.name, question, { rows, bars, notes: { callers, maxDelayMs } });
