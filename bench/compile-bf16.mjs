// How fast is compile() in bfloat16 beside torch.compile in bfloat16 (frozen, bfloat16 weights), and how near does it
// stay to float32 on real images?
//   node bench/compile-bf16.mjs --networks resnet50_ibn_a --batches 1,8,32 --rounds 9
// PYTHON and PEERS: see bench/race/contestants.mjs. About 3 minutes a network once Inductor's code is there; --rounds 0
// makes it. --skip-accuracy and --skip-latency do one half only.
import { parseArgs } from 'node:util';
import { chosen, milliseconds, race, ratio, relativeError, rounded } from './race/contestants.mjs';
import { record } from './race/record.mjs';

const ROUNDS = { 1: 15, 8: 9, 32: 5 };
const BAR = 0.9;

const { values } = parseArgs({
  options: {
    networks: { type: 'string', default: 'resnet50_ibn_a' },
    batches: { type: 'string', default: '1,8,32' },
    contestants: { type: 'string', default: 'inductor,inductor-raised,inductor-cl,compiled' },
    rounds: { type: 'string' },
    'skip-accuracy': { type: 'boolean', default: false },
    'skip-latency': { type: 'boolean', default: false },
    name: { type: 'string', default: 'compile-bf16' },
  },
});
const batches = values.batches.split(',').map(Number);
const rounds = Object.fromEntries(
  batches.map((batch) => [batch, Number(values.rounds ?? ROUNDS[batch] ?? 5)]),
);

/** bfloat16 of each contestant, and two float32 ones to compare with: in time, and for the error. */
const list = [
  ...chosen(values.contestants).map((name) => ({ name, key: `${name} bf16`, dtype: 'bfloat16' })),
  { name: 'compiled', key: 'compiled fp32', dtype: 'float32' },
  { name: 'torch-cl', key: 'torch fp32', dtype: 'float32' },
];

function errorOf({ failure, output }, exact) {
  if (failure !== undefined || exact.output === undefined) return undefined;
  return Number(relativeError(output, exact.output).toExponential(1));
}

function latency(network, batch, entries, load) {
  const find = (key) => entries.find((entry) => entry.key === key);
  const [ours, exact] = [find('compiled bf16'), find('torch fp32')];
  const rows = entries.map((entry) => ({
    name: `${network} b${batch} ${entry.title}, ${entry.key.endsWith('bf16') ? 'bfloat16' : 'float32'}`,
    medians: {
      ...milliseconds(entry),
      error: errorOf(entry, exact),
    },
    ratios: { compiled: rounded(ratio(ours, entry)) },
    load,
    runs: entry.turns.map((times) => times.map(rounded)),
  }));
  const [worst] = entries
    .filter(({ key, ours }) => key.endsWith('bf16') && !ours)
    .map((peer) => ({ peer: peer.title, value: ratio(ours, peer) }))
    .filter(({ value }) => value !== undefined)
    .sort((a, b) => b.value - a.value);
  if (worst === undefined) return { rows, bars: [] };
  const bar = {
    name: `${network} b${batch}`,
    'fastest peer': worst.peer,
    ratio: rounded(worst.value),
    bar: BAR,
    reached: worst.value <= BAR,
  };
  return { rows, bars: [bar] };
}

const question =
  'bfloat16: ms of a run, error against float32 logits (x compiled: ibn-net compiled in bfloat16 / this)';
for (const network of values['skip-latency'] ? [] : values.networks.split(',')) {
  const [rows, bars] = [[], []];
  await race({ network, list, batches, rounds }, (batch, entries, load) => {
    const found = latency(network, batch, entries, load);
    rows.push(...found.rows);
    bars.push(...found.bars);
    const line = entries.map((entry) => `${entry.key} ${milliseconds(entry).ms ?? '-'}`).join(', ');
    console.log(`${network} b${batch}: ${line}`);
  });
  if (!Object.values(rounds).every((count) => count === 0)) record(values.name, question, { rows, bars });
}
if (!values['skip-accuracy']) {
  const { bf16Accuracy } = await import('./peers/bf16-accuracy.mjs');
  const rows = await bf16Accuracy(values.networks.split(','));
  record(`${values.name}-accuracy`, 'bfloat16 against float32 on real images', { rows });
}
