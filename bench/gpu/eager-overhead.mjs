// How long does the host take to issue one forward, ours against Python's? Batch 1, until the call returns.
//   node bench/gpu/eager-overhead.mjs [--rounds 15] [--contestants torch,eager,torch-half,eager-half]
// PYTHON and PEERS: see bench/race/gpu-race.mjs.
import { contestants, GPU_CONTESTANTS } from '../race/gpu-contestants.mjs';
import { barOf, race, rowOf, settingsOf, timesAsLong } from '../race/gpu-race.mjs';
import { recordGpu } from '../race/gpu-record.mjs';

const NETWORKS = ['resnet50_ibn_a', 'resnet50'];
const PAIRS = { eager: 'torch', 'eager-half': 'torch-half' };
const BAR = 0.8;

const settings = settingsOf({ batches: '1', rounds: '15', contestants: 'torch,eager,torch-half,eager-half' });
const list = NETWORKS.flatMap((network) =>
  contestants(settings.contestants, network, (name) => `${name} ${network}`),
);

await race(list, settings, (batch, entries) => {
  const entryOf = (name, network) => entries.find(({ key }) => key === `${name} ${network}`);
  const [rows, bars] = [[], []];
  for (const network of NETWORKS) {
    for (const name of settings.contestants) {
      const { title } = GPU_CONTESTANTS[name];
      const share = timesAsLong(entryOf(name, network), entryOf(PAIRS[name], network), 'host');
      const ratios = share === undefined ? {} : { host: share.toPrecision(4) };
      rows.push(rowOf(`b${batch} ${title} ${network}`, entryOf(name, network), { ratios }));
      // Both networks are told; the bar is about the one with IBN.
      if (name in PAIRS && network === NETWORKS[0]) {
        bars.push(barOf(`b${batch} ${title}, host time / Python's`, share, { atMost: BAR }));
      }
    }
  }
  const question = 'Host time of one eager forward on a GPU, ms (x host: against Python)';
  recordGpu('eager-overhead', question, { device: settings.device, rows, bars });
});
