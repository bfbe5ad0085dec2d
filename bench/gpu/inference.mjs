// How long does a run of resnet50_ibn_a take on a GPU? PyTorch eager, torch.compile(mode='max-autotune'), ours.
//   node bench/gpu/inference.mjs [--batches 1,32,256] [--rounds 9] [--contestants torch,inductor,compiled] [--device cuda]
// Outputs are compared with PyTorch's in float32 without TF32. Compiling takes Inductor minutes for each batch size, the
// first time. PYTHON and PEERS: see bench/race/gpu-race.mjs.
import { contestants, GPU_CONTESTANTS } from '../race/gpu-contestants.mjs';
import { barOf, race, relativeError, rowOf, settingsOf, timesAsLong } from '../race/gpu-race.mjs';
import { recordGpu } from '../race/gpu-record.mjs';

const NETWORK = 'resnet50_ibn_a';
/** Times as fast as torch.compile, at least. */
const BARS = { 1: 1.3, 32: 1, 256: 1 };
/** Of the largest logit: float32 with TF32's ten bits, and half precision. */
const TOLERANCES = { float32: 5e-3, float16: 2e-2 };
const PEERS = ['inductor', 'torch-half', 'torch'];

const settings = settingsOf({
  batches: '1,32,256',
  rounds: '9',
  contestants: 'torch,torch-half,inductor,eager,eager-half,compiled',
});
const list = contestants(['reference', ...settings.contestants], NETWORK);

await race(list, settings, (batch, entries) => {
  const entryOf = (name) => entries.find(({ key }) => key === name);
  const [rows, bars] = [[], []];
  for (const entry of entries.slice(1)) {
    const { dtype } = GPU_CONTESTANTS[entry.key];
    checkOutput(entry, entryOf('reference'), TOLERANCES[dtype]);
    const ratios = Object.fromEntries(
      PEERS.map((peer) => [`of ${peer}`, timesAsLong(entry, entryOf(peer), 'wall')?.toPrecision(4)]),
    );
    rows.push(rowOf(`b${batch} ${entry.title}`, entry, { error: entry.error, ratios }));
  }
  const faster = timesAsLong(entryOf('inductor'), entryOf('compiled'), 'wall');
  if (batch in BARS) {
    const name = `b${batch} compiled, times as fast as max-autotune`;
    bars.push(barOf(name, faster, { atLeast: BARS[batch] }));
  }
  recordGpu('inference', `A run of ${NETWORK} on a GPU, ms`, { device: settings.device, rows, bars });
});

/** Whoever is off takes no part. */
function checkOutput(entry, reference, tolerance) {
  if (entry.failure !== undefined) return;
  const { failure, output } = reference;
  if (failure === undefined) entry.error = Number(relativeError(entry.output, output).toPrecision(3));
  if (entry.error <= tolerance) return;
  entry.failure =
    failure === undefined
      ? `outputs are off by ${entry.error}, expected ${tolerance} at most`
      : `outputs could not be compared: ${failure}`;
  entry.turns = [];
}
