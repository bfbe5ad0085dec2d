// How long does a training step take on a GPU? Mixed precision, channels_last, SGD with momentum, steps in a row.
//   node bench/gpu/training.mjs [--batches 64] [--rounds 9] [--contestants torch-step,torch-step-fused,step]
// The losses of the first five steps are compared. PYTHON and PEERS: see bench/race/gpu-race.mjs.
import { contestants, GPU_CONTESTANTS } from '../race/gpu-contestants.mjs';
import { barOf, race, relativeError, rowOf, settingsOf, timesAsLong } from '../race/gpu-race.mjs';
import { recordGpu } from '../race/gpu-record.mjs';

const NETWORKS = ['resnet50_ibn_a', 'resnet50'];
const PEERS = ['torch-step', 'torch-step-fused'];
/** Of the largest of five losses: ours and Python's round in other places. */
const TOLERANCE = 2e-2;

const settings = settingsOf({ batches: '64', rounds: '9', contestants: 'torch-step,torch-step-fused,step' });
const list = NETWORKS.flatMap((network) =>
  contestants(settings.contestants, network, (name) => `${name} ${network}`),
);

await race(list, { ...settings, turnMs: 800 }, (batch, entries) => {
  const entryOf = (name, network) => entries.find(({ key }) => key === `${name} ${network}`);
  const [rows, bars] = [[], []];
  for (const network of NETWORKS) {
    const ours = entryOf('step', network);
    checkLosses(ours, entryOf('torch-step', network));
    for (const name of settings.contestants) {
      const entry = entryOf(name, network);
      const share = timesAsLong(entry, entryOf('torch-step', network), 'queued');
      const losses =
        entry.output === undefined ? [] : [...entry.output].map((loss) => Number(loss.toPrecision(5)));
      rows.push(
        rowOf(`b${batch} ${GPU_CONTESTANTS[name].title} ${network}`, entry, {
          ratios: { queued: share?.toPrecision(4) },
          losses,
        }),
      );
    }
    if (network !== NETWORKS[0]) continue;
    for (const peer of PEERS.filter((name) => settings.contestants.includes(name))) {
      const faster = timesAsLong(entryOf(peer, network), ours, 'queued');
      bars.push(
        barOf(`b${batch} step, times as fast as ${GPU_CONTESTANTS[peer].title}`, faster, { atLeast: 1 }),
      );
    }
  }
  const question =
    'A training step on a GPU, float16 autocast, channels_last, ms (x queued: against PyTorch)';
  recordGpu('training', question, { device: settings.device, rows, bars });
});

function checkLosses(entry, peer) {
  if (entry === undefined || peer === undefined || entry.failure !== undefined || peer.failure !== undefined)
    return;
  const error = relativeError(entry.output, peer.output);
  if (error <= TOLERANCE) return;
  entry.failure = `losses are off by ${error.toPrecision(3)} from Python's, expected ${TOLERANCE} at most`;
  entry.turns = [];
}
