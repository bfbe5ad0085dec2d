// What does IBN cost? resnet50_ibn_a / resnet50, each pair timed one after the other in every round, ms.
//   node bench/compile-ibn-cost.mjs --batches 1,8,32 --rounds 15
// PYTHON and PEERS: see bench/race/contestants.mjs. About 5 minutes once Inductor's code is there (--rounds 0).
import { parseArgs } from 'node:util';
import { CONTESTANTS, chosen, milliseconds, race, ratio, rounded } from './race/contestants.mjs';
import { record } from './race/record.mjs';

const [WITH, WITHOUT] = ['resnet50_ibn_a', 'resnet50'];
const BAR = 1.02;
const ROUNDS = { 1: 21, 8: 15, 32: 5 };

const { values } = parseArgs({
  options: {
    batches: { type: 'string', default: '1,8,32' },
    contestants: { type: 'string', default: 'compiled,eager,torch,torch-cl,inductor,onnxruntime' },
    rounds: { type: 'string' },
    name: { type: 'string', default: 'compile-ibn-cost' },
  },
});
const names = chosen(values.contestants);
const batches = values.batches.split(',').map(Number);
const rounds = Object.fromEntries(
  batches.map((batch) => [batch, Number(values.rounds ?? ROUNDS[batch] ?? 5)]),
);
const list = names.flatMap((name) => [
  { name, network: WITH, key: `${name} with` },
  { name, network: WITHOUT, key: `${name} without` },
]);

const [rows, bars] = [[], []];
await race({ list, batches, rounds }, (batch, entries, load) => {
  for (const name of names) {
    const [ibn, plain] = ['with', 'without'].map((which) =>
      entries.find(({ key }) => key === `${name} ${which}`),
    );
    const cost = ratio(ibn, plain);
    const runs = { [WITH]: ibn.turns, [WITHOUT]: plain.turns };
    const medians = { [WITH]: milliseconds(ibn).ms, [WITHOUT]: milliseconds(plain).ms };
    const title = `b${batch} ${CONTESTANTS[name].title}`;
    rows.push({ name: title, medians, ratios: { plain: rounded(cost) }, load, runs });
    console.log(title, medians, cost);
    if (name === 'compiled' && cost !== undefined) {
      bars.push({ name: title, ratio: rounded(cost), bar: BAR, reached: cost <= BAR });
    }
  }
});
if (Object.values(rounds).some((count) => count > 0)) {
  record(values.name, `${WITH} and ${WITHOUT}, ms of a run (x plain: the first / the second)`, {
    rows,
    bars,
  });
}
