// What does IBN cost on a GPU? resnet50_ibn_a / resnet50, each pair timed one after the other in every round.
//   node bench/gpu/ibn-cost.mjs [--batches 1,32,256] [--rounds 15] [--contestants compiled,eager-half,torch-half]
// PYTHON and PEERS: see bench/race/gpu-race.mjs.
import { contestants, GPU_CONTESTANTS } from '../race/gpu-contestants.mjs';
import { barOf, race, rowOf, settingsOf, timesAsLong } from '../race/gpu-race.mjs';
import { recordGpu } from '../race/gpu-record.mjs';

const [WITH, WITHOUT] = ['resnet50_ibn_a', 'resnet50'];
const BAR = 1.03;

const settings = settingsOf({
  batches: '1,32,256',
  rounds: '15',
  contestants: 'compiled,eager-half,torch-half',
});
const list = settings.contestants.flatMap((name) =>
  [WITH, WITHOUT].flatMap((network) => contestants([name], network, () => `${name} ${network}`)),
);

await race(list, settings, (batch, entries) => {
  const [rows, bars] = [[], []];
  for (const name of settings.contestants) {
    const [ibn, plain] = [WITH, WITHOUT].map((network) =>
      entries.find(({ key }) => key === `${name} ${network}`),
    );
    const cost = timesAsLong(ibn, plain, 'wall');
    const { title } = GPU_CONTESTANTS[name];
    rows.push(rowOf(`b${batch} ${title} ${WITH}`, ibn, { ratios: { plain: cost?.toPrecision(4) } }));
    rows.push(rowOf(`b${batch} ${title} ${WITHOUT}`, plain));
    if (name === 'compiled')
      bars.push(barOf(`b${batch} compiled, with IBN / without`, cost, { atMost: BAR }));
  }
  const question = `${WITH} and ${WITHOUT} on a GPU, ms (x plain: the first / the second)`;
  recordGpu('ibn-cost', question, { device: settings.device, rows, bars });
});
