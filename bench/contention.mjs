// What does a busy neighbour cost? A network at one image, on threads for all cores, alone and beside processes that never rest.
//   node bench/contention.mjs [--network resnet50_ibn_a] [--rounds 11] [--neighbours 1,2]
// PYTHON and PEERS: see bench/race/contestants.mjs. About 2 minutes.
import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';
import { rounded } from './harness.mjs';
import { milliseconds, race } from './race/contestants.mjs';
import { record } from './race/record.mjs';

const { values } = parseArgs({
  options: {
    network: { type: 'string', default: 'resnet50_ibn_a' },
    rounds: { type: 'string', default: '11' },
    neighbours: { type: 'string', default: '1,2' },
    list: { type: 'string', default: 'eager,eager-spins,eager-sleeps,compiled,torch,onnxruntime-node' },
  },
});
const { network } = values;
const list = values.list.split(',');

/** Each contestant beside `count` busy processes: the median of its rounds, and its slowest run. */
async function beside(count) {
  const busy = Array.from({ length: count }, () => spawn(process.execPath, ['-e', 'for (;;);']));
  const stop = () => busy.forEach((child) => void child.kill('SIGKILL'));
  process.on('exit', stop);
  let found;
  await race({ network, list, batches: [1], rounds: { 1: Number(values.rounds) } }, (_, entries) => {
    found = entries.filter(({ failure }) => failure === undefined);
  });
  stop();
  return found.map((entry) => ({
    title: entry.title,
    ms: milliseconds(entry).ms,
    turns: entry.turns,
    most: Math.max(...entry.turns.flat()),
  }));
}

const alone = await beside(0);
for (const count of values.neighbours.split(',').map(Number)) {
  const shared = await beside(count);
  const rows = shared.map(({ title, ms, most, turns }) => {
    const undisturbed = alone.find((other) => other.title === title);
    return {
      name: `${network} ${title}, ${count} beside`,
      medians: { alone: undisturbed?.ms, beside: ms, slowest: rounded(most) },
      ratios: { beside: rounded(ms / undisturbed?.ms) },
      runs: { alone: undisturbed?.turns, beside: turns },
    };
  });
  record(
    'contention',
    'One image, ms, alone and beside busy processes on the same cores (x: against alone)',
    {
      rows,
      bars: rows
        .filter(({ name }) => /ibn-net (eager|compiled),/.test(name))
        .map(({ name, ratios }) => ({ name, measured: ratios.beside, atMost: 2, met: ratios.beside <= 2 })),
    },
  );
}
process.exit(0);
