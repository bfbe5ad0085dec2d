// Which share of the machine's convolution peak does compile() reach? The network's operations over its time, against the
// best of oneDNN's convolutions with reordered weights, measured in the same rounds. Winograd counts as the direct
// convolution that it replaces, so a share may pass 1.
//   node bench/compile-conv-share.mjs --networks resnet50_ibn_a --batches 8 --rounds 9
// PYTHON and PEERS: see bench/race/contestants.mjs. About a minute a network.
import { parseArgs } from 'node:util';
import { models } from '../dist/index.js';
import { median } from './harness.mjs';
import { chosen, milliseconds, race, rounded } from './race/contestants.mjs';
import { record } from './race/record.mjs';

const BAR = 0.85;
const { values } = parseArgs({
  options: {
    networks: { type: 'string', default: 'resnet50_ibn_a' },
    batches: { type: 'string', default: '8' },
    contestants: { type: 'string', default: 'compiled,onnxruntime,inductor,torch-cl' },
    dtype: { type: 'string', default: 'float32' },
    rounds: { type: 'string', default: '9' },
    name: { type: 'string', default: 'compile-conv-share' },
  },
});
const { dtype } = values;
const batches = values.batches.split(',').map(Number);
const rounds = Object.fromEntries(batches.map((batch) => [batch, Number(values.rounds)]));

/** Floating-point operations of one image: two for each multiply-accumulate of convolutions and linear layers. */
function operations(network) {
  const model = models.getModel(network).eval();
  return 2 * models.summary(model, [1, 3, 224, 224]).macs;
}

/** Best shape of a round. */
const best = ({ gflops }) => Math.max(...Object.values(gflops));

for (const network of values.networks.split(',')) {
  const flops = operations(network);
  const [rows, bars] = [[], []];
  await race(
    { network, dtype, list: ['peak', ...chosen(values.contestants)], batches, rounds },
    (batch, entries, load) => {
      const [peak, ...others] = entries;
      if (peak.failure !== undefined || rounds[batch] === 0) return;
      const shapes = Object.keys(peak.details[0].gflops);
      const byShape = Object.fromEntries(
        shapes.map((shape) => [shape, rounded(median(peak.details.map(({ gflops }) => gflops[shape])))]),
      );
      const top = median(peak.details.map(best));
      const title = `${network} b${batch} ${dtype}`;
      rows.push({
        name: `${title} peak`,
        medians: { 'GFLOP/s': rounded(top) },
        ratios: { peak: 1 },
        byShape,
        load,
      });
      for (const entry of others) {
        const speed = (times) => (flops * batch) / median(times) / 1e6;
        if (entry.failure !== undefined) {
          rows.push({ name: `${title} ${entry.title}`, medians: milliseconds(entry) });
          continue;
        }
        const share = median(entry.turns.map((times, i) => speed(times) / best(peak.details[i])));
        rows.push({
          name: `${title} ${entry.title}`,
          medians: { ...milliseconds(entry), 'GFLOP/s': rounded(median(entry.turns.map(speed))) },
          ratios: { peak: rounded(share) },
          load,
          runs: entry.turns,
        });
        if (entry.name === 'compiled') {
          bars.push({
            name: title,
            'GFLOP an image': rounded(flops / 1e9),
            share: rounded(share),
            bar: BAR,
            reached: share >= BAR,
          });
        }
      }
    },
  );
  record(values.name, 'GFLOP/s, and the share of the convolution peak', { rows, bars });
}
