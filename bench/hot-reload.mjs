// Does a server that takes another network lose requests, stand still, or grow? 64 callers in the process, each of whom
// sends its next image when the answer is there, and 20 swaps for each way of loading.
//   node bench/hot-reload.mjs --callers 64 --swaps 20
// "p99" is that of perf_hooks' monitorEventLoopDelay (resolution 1 ms) over all swaps; "p99 of arrivals" weights each gap by
// its length, as an event meets it that comes at any moment. A process for each way; about 4 minutes.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { median, root } from './harness.mjs';
import { rounded, THREADS, weightsOf } from './race/contestants.mjs';
import { made } from './race/files.mjs';
import { record } from './race/record.mjs';

const { values } = parseArgs({
  options: {
    network: { type: 'string', default: 'resnet50_ibn_a' },
    callers: { type: 'string', default: '64' },
    swaps: { type: 'string', default: '20' },
    pause: { type: 'string', default: '300' },
    ways: { type: 'string', default: 'loadCompiled,worker,compile' },
    name: { type: 'string', default: 'hot-reload' },
  },
});
const LOOP_BAR = 20;
/** Resident memory of the last five swaps may be this much over that of the fifth to ninth. */
const GROWTH_BAR = 1.05;
const TITLES = {
  loadCompiled: 'loadCompiled of a saved file',
  worker: 'compile of a checkpoint in a worker, fromShared',
  compile: 'compile of a checkpoint in the server',
};

const node = (script, ...args) => {
  const result = spawnSync(process.execPath, [join(root, 'bench/peers', script), ...args], {
    encoding: 'utf8',
  });
  if (result.status !== 0) throw new Error(`${script} failed:\n${result.stderr}`);
  return result.stdout;
};

const { network } = values;
const weights = weightsOf(network);
const file = made('compiled', `${network}.ibn`, (path) =>
  node(
    'save-compiled.mjs',
    JSON.stringify({ engine: 'compiled', network, weights, dtype: 'float32', threads: THREADS }),
    path,
  ),
);
const [callers, swaps, pause] = [values.callers, values.swaps, values.pause].map(Number);

const rows = [];
const bars = [];
for (const way of values.ways.split(',')) {
  const settings = { way, network, weights, file, threads: THREADS, callers, swaps, pause };
  const run = JSON.parse(node('hot-reload-load.mjs', JSON.stringify(settings)).trim().split('\n').pop());
  const { megabytes, loop } = run;
  const [early, late] = [median(megabytes.slice(4, 9)), median(megabytes.slice(-5))];
  const name = TITLES[way];
  const medians = {
    lost: run.lost,
    wrong: run.wrong,
    'requests/s': rounded(run['requests/s']),
    'seconds a swap': rounded(median(run.seconds)),
    'loop p99': rounded(loop.always.p99),
    'p99 of arrivals': rounded(loop.always['p99 of arrivals']),
    'loop max': rounded(loop.always.max),
    'calm p99': rounded(loop.calm.p99),
    'MB, swaps 5 to 9': early,
    'MB, last 5': late,
  };
  rows.push({ name, medians, runs: [run] });
  bars.push(
    {
      name: `requests lost: ${name}`,
      value: run.lost + run.wrong,
      bar: 0,
      reached: run.lost + run.wrong === 0,
    },
    ...['p99', 'p99 of arrivals'].map((key) => {
      const value = rounded(loop.always[key]);
      return { name: `event loop ${key}, ms: ${name}`, value, bar: LOOP_BAR, reached: value < LOOP_BAR };
    }),
    {
      name: `resident memory, last five swaps / fifth to ninth: ${name}`,
      value: rounded(late / early),
      bar: GROWTH_BAR,
      reached: late / early <= GROWTH_BAR,
    },
  );
}
const question = `${network}: ${swaps} swaps under ${callers} callers; ms of the event loop, resident MB`;
record(values.name, question, { rows, bars, notes: { callers, swaps } });
