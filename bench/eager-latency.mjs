// Is ibn-net without compile() as fast as PyTorch's eager mode? resnet50_ibn_a, the same threads and allocator, ms.
//   node bench/eager-latency.mjs --networks resnet50_ibn_a --batches 1,8,32 --rounds 15
// PYTHON and PEERS: see bench/race/contestants.mjs. About 4 minutes.
import { parseArgs } from 'node:util';
import { milliseconds, race, ratio, relativeError, rounded } from './race/contestants.mjs';
import { record } from './race/record.mjs';

const PAIRS = { eager: 'torch', 'eager-cl': 'torch-cl', 'eager-raised': 'torch-raised' };
const BAR = 1;
const ROUNDS = { 1: 21, 8: 9, 32: 5 };

const { values } = parseArgs({
  options: {
    networks: { type: 'string', default: 'resnet50_ibn_a' },
    batches: { type: 'string', default: '1,8,32' },
    rounds: { type: 'string' },
    name: { type: 'string', default: 'eager-latency' },
  },
});
const list = Object.entries(PAIRS).flat();
const batches = values.batches.split(',').map(Number);
const rounds = Object.fromEntries(
  batches.map((batch) => [batch, Number(values.rounds ?? ROUNDS[batch] ?? 5)]),
);

for (const network of values.networks.split(',')) {
  const [rows, bars] = [[], []];
  await race({ network, list, batches, rounds }, (batch, entries, load) => {
    const find = (name) => entries.find((entry) => entry.name === name);
    for (const [ours, theirs] of Object.entries(PAIRS).map((pair) => pair.map(find))) {
      const value = ratio(ours, theirs);
      const name = `${network} b${batch} ${ours.title}`;
      rows.push({
        name,
        medians: {
          ...milliseconds(ours),
          PyTorch: milliseconds(theirs).ms,
          error: ours.output && theirs.output && relativeError(ours.output, theirs.output),
        },
        ratios: { PyTorch: rounded(value) },
        load,
        runs: { 'ibn-net': ours.turns, PyTorch: theirs.turns },
      });
      console.log(name, rows.at(-1).medians, value);
      if (value !== undefined) bars.push({ name, ratio: rounded(value), bar: BAR, reached: value <= BAR });
    }
  });
  if (rows.some(({ ratios }) => ratios.PyTorch !== undefined))
    record(values.name, 'Eager mode, ms of a run (x PyTorch: ibn-net / PyTorch)', { rows, bars });
}
