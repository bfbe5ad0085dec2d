// How much memory does a process take that loads a network and runs it? Peak and last resident MB, a new process for each
// engine and batch size.
//   node bench/memory-compiled.mjs --networks resnet50_ibn_a --batches 1,8,32 --rounds 3
// PYTHON and PEERS: see bench/race/contestants.mjs. About 3 minutes.
import { parseArgs } from 'node:util';
import { median } from './harness.mjs';
import { chosen, race, rounded } from './race/contestants.mjs';
import { record } from './race/record.mjs';

const { values } = parseArgs({
  options: {
    networks: { type: 'string', default: 'resnet50_ibn_a' },
    batches: { type: 'string', default: '1,8,32' },
    contestants: {
      type: 'string',
      default:
        'compiled,compiled-lean,compiled-file,onnxruntime-node,onnxruntime,torch,torch-cl,inductor,eager',
    },
    dtype: { type: 'string', default: 'float32' },
    rounds: { type: 'string', default: '3' },
    name: { type: 'string', default: 'memory-compiled' },
  },
});
const { dtype } = values;

/** A process of its own for each contestant, one after another; peak and resident MB by contestant. */
async function measure(network, batch) {
  const found = new Map();
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const name of chosen(values.contestants)) {
      const list = [{ name, memory: true }];
      await race({ network, dtype, list, batches: [batch], rounds: { [batch]: 1 } }, (_, [entry]) => {
        const one = found.get(name) ?? { title: entry.title, turns: [], ours: entry.ours };
        if (entry.failure === undefined) one.turns.push(entry.memory);
        else one.failure = entry.failure;
        found.set(name, one);
      });
    }
  }
  return found;
}

const figure = ({ failure, turns }, key) => failure ?? rounded(median(turns.map((turn) => turn[key])));

for (const network of values.networks.split(',')) {
  const [rows, bars] = [[], []];
  for (const batch of values.batches.split(',').map(Number)) {
    const found = await measure(network, batch);
    const peer = found.get('onnxruntime-node');
    const theirs = peer && figure(peer, 'peak');
    for (const [contestant, one] of found) {
      const [peak, resident] = [figure(one, 'peak'), figure(one, 'resident')];
      const name = `${network} b${batch}${dtype === 'float32' ? '' : ` ${dtype}`} ${one.title}`;
      const value = typeof peak === 'number' ? rounded(peak / theirs) : undefined;
      rows.push({
        name,
        medians: { peak, resident },
        ratios: { 'onnxruntime-node': value },
        runs: one.turns,
      });
      if (contestant.startsWith('compiled') && value > 0)
        bars.push({ name, ratio: value, bar: 1, reached: value <= 1 });
    }
  }
  record(values.name, 'Resident MB at most and at last (x onnxruntime-node: of the peak)', { rows, bars });
}
