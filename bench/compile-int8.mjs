// How fast is compile() with quantize() beside its own float32 and bfloat16 and ONNX Runtime's static int8, and how near does
// it stay to float32 on real images?
//   node bench/compile-int8.mjs --networks resnet50_ibn_a --batches 1,8,32 --rounds 9
// PYTHON and PEERS: see bench/race/contestants.mjs; onnxruntime needs its quantization tools (onnx). Both quantise with the
// same photographs. --rounds 0 makes the files. --skip-accuracy and --skip-latency do one half only.
import { parseArgs } from 'node:util';
import { milliseconds, race, ratio, relativeError, rounded } from './race/contestants.mjs';
import { record } from './race/record.mjs';

const ROUNDS = { 1: 15, 8: 9, 32: 5 };
const BARS = { own: 0.6, onnxruntime: 0.8 };

const { values } = parseArgs({
  options: {
    networks: { type: 'string', default: 'resnet50_ibn_a' },
    batches: { type: 'string', default: '1,8,32' },
    rounds: { type: 'string' },
    'skip-accuracy': { type: 'boolean', default: false },
    'skip-latency': { type: 'boolean', default: false },
    name: { type: 'string', default: 'compile-int8' },
  },
});
const batches = values.batches.split(',').map(Number);
const rounds = Object.fromEntries(
  batches.map((batch) => [batch, Number(values.rounds ?? ROUNDS[batch] ?? 5)]),
);

const list = [
  { name: 'compiled-int8', key: 'compiled int8', dtype: 'float32' },
  { name: 'compiled', key: 'compiled bf16', dtype: 'bfloat16' },
  { name: 'compiled', key: 'compiled fp32', dtype: 'float32' },
  { name: 'onnxruntime-int8', key: 'onnxruntime int8', dtype: 'float32' },
  { name: 'onnxruntime', key: 'onnxruntime fp32', dtype: 'float32' },
];

function errorOf({ failure, output }, exact) {
  if (failure !== undefined || exact.output === undefined) return undefined;
  return Number(relativeError(output, exact.output).toExponential(1));
}

function barOf(name, value, bar) {
  return value === undefined ? [] : [{ name, ratio: rounded(value), bar, reached: value <= bar }];
}

function latency(network, batch, entries, load) {
  const find = (key) => entries.find((entry) => entry.key === key);
  const [ours, exact] = [find('compiled int8'), find('compiled fp32')];
  const rows = entries.map((entry) => ({
    name: `${network} b${batch} ${entry.title}${entry.key.endsWith('bf16') ? ', bfloat16' : ''}`,
    medians: { ...milliseconds(entry), error: errorOf(entry, exact) },
    ratios: { int8: rounded(ratio(ours, entry)) },
    load,
    runs: entry.turns.map((times) => times.map(rounded)),
  }));
  const own = [find('compiled bf16'), exact].map((entry) => ratio(ours, entry));
  const slowest = own.includes(undefined) ? undefined : Math.max(...own);
  const bars = [
    ...barOf(`${network} b${batch}, own fastest`, slowest, BARS.own),
    ...barOf(
      `${network} b${batch}, ONNX Runtime int8`,
      ratio(ours, find('onnxruntime int8')),
      BARS.onnxruntime,
    ),
  ];
  return { rows, bars };
}

for (const network of values['skip-latency'] ? [] : values.networks.split(',')) {
  const [rows, bars] = [[], []];
  await race({ network, list, batches, rounds }, (batch, entries, load) => {
    const found = latency(network, batch, entries, load);
    rows.push(...found.rows);
    bars.push(...found.bars);
    const line = entries.map((entry) => `${entry.key} ${milliseconds(entry).ms ?? '-'}`).join(', ');
    console.log(`${network} b${batch}: ${line}`);
  });
  if (Object.values(rounds).every((count) => count === 0)) continue;
  record(values.name, 'ms of a run, error against float32 logits (x int8: ibn-net compiled in int8 / this)', {
    rows,
    bars,
  });
}
if (!values['skip-accuracy']) {
  const { int8Accuracy } = await import('./peers/int8-accuracy.mjs');
  record(`${values.name}-accuracy`, 'int8 against float32 on real images', { rows: int8Accuracy() });
}
