// How fast is compile() beside PyTorch, torch.compile and ONNX Runtime? ms of a run, fp32, 2 threads.
//   node bench/compile-latency.mjs --networks resnet50_ibn_a,resnet18_ibn_a --batches 1,8 --rounds 9
//   node bench/compile-latency.mjs --rounds 0          only makes weights, ONNX files and Inductor's code (minutes)
// --contestants as in bench/race/contestants.mjs, which also says what PYTHON and PEERS are. One network at the three
// batch sizes takes about 6 minutes once Inductor's code is there. Rows of networks that are not run again stay.
import { parseArgs } from 'node:util';
import { chosen, milliseconds, race, ratio, relativeError, rounded } from './race/contestants.mjs';
import { record } from './race/record.mjs';

const NETWORKS = {
  resnet50_ibn_a: { bar: 0.95, batches: [1, 8, 32] },
  resnet18_ibn_a: { bar: 1, batches: [1, 8, 32] },
  resnet101_ibn_a: { bar: 1, batches: [1, 8, 32] },
  resnext101_ibn_a: { bar: 1, batches: [1, 8, 32] },
  se_resnet101_ibn_a: { bar: 1, batches: [1, 8, 32] },
  densenet121_ibn_a: { bar: 1, batches: [1, 8, 32] },
};
const ALL = 'torch,torch-cl,inductor,inductor-raised,onnxruntime,onnxruntime-node,eager,compiled';
const ROUNDS = { 1: 15, 8: 9, 32: 5 };

const { values } = parseArgs({
  options: {
    networks: { type: 'string', default: 'resnet50_ibn_a' },
    batches: { type: 'string', default: '1,8,32' },
    contestants: { type: 'string', default: ALL },
    rounds: { type: 'string' },
    name: { type: 'string', default: 'compile-latency' },
  },
});
const list = chosen(values.contestants);
const batches = values.batches.split(',').map(Number);
const rounds = Object.fromEntries(
  batches.map((batch) => [batch, Number(values.rounds ?? ROUNDS[batch] ?? 5)]),
);

function errorOf({ failure, output }, reference) {
  return failure === undefined ? Number(relativeError(output, reference).toExponential(1)) : undefined;
}

function rowsOf(network, batch, entries, load) {
  const find = (name) => entries.find((entry) => entry.name === name);
  const reference = find('eager')?.output ?? entries.find(({ output }) => output !== undefined)?.output;
  return entries.map((entry) => ({
    name: `${network} b${batch} ${entry.title}`,
    medians: {
      ...milliseconds(entry),
      error: errorOf(entry, reference),
    },
    ratios: {
      'PyTorch eager': rounded(ratio(entry, find('torch'))),
      compiled: rounded(ratio(find('compiled'), entry)),
    },
    load,
    runs: entry.turns.map((times) => times.map(rounded)),
  }));
}

/** The bar: compiled against the fastest peer, whichever it is. */
function barOf(network, batch, entries) {
  const compiled = entries.find(({ name }) => name === 'compiled');
  const against = entries
    .filter(({ ours }) => !ours)
    .map((peer) => ({ peer: peer.title, value: ratio(compiled, peer) }))
    .filter(({ value }) => value !== undefined)
    .sort((a, b) => b.value - a.value);
  if (against.length === 0) return [];
  const [{ peer, value }] = against;
  const bar = NETWORKS[network]?.bar ?? 1;
  return [
    { name: `${network} b${batch}`, 'fastest peer': peer, ratio: rounded(value), bar, reached: value <= bar },
  ];
}

for (const network of values.networks.split(',')) {
  const [rows, bars] = [[], []];
  await race({ network, list, batches, rounds }, (batch, entries, load) => {
    rows.push(...rowsOf(network, batch, entries, load));
    bars.push(...barOf(network, batch, entries));
    const line = entries.map((entry) => `${entry.name} ${milliseconds(entry).ms ?? '-'}`).join(', ');
    console.log(`${network} b${batch}: ${line}`);
  });
  if (Object.values(rounds).every((count) => count === 0)) continue;
  record(values.name, 'ms of a run (x PyTorch eager: this / eager; x compiled: ibn-net compiled / this)', {
    rows,
    bars,
  });
}
