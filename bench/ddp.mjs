// What does DistributedDataParallel cost? Two ranks on one thread each, over Gloo on one machine: how long a step takes with
// it, without it (both ranks at work all the same), and where gradients are reduced behind backward, without overlap.
//   PYTHON=python3 node bench/ddp.mjs [--rounds 3] [--no-record]
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { median, python, report, root, rounded } from './harness.mjs';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, record: { type: 'boolean', default: true } },
  allowNegative: true,
});
const CONTESTANTS = [
  { name: 'Python torch', command: python, args: [join(root, 'bench/peers/ddp.py')] },
  { name: 'ibn-net', command: process.execPath, args: [join(root, 'bench/peers/ddp.mjs')] },
];

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(String(port)));
    });
  });
}

/** Runs both ranks; what rank 0 measured. */
async function measure({ name, command, args }) {
  const port = await freePort();
  const ranks = [0, 1].map((rank) => {
    const env = { RANK: String(rank), WORLD_SIZE: '2', MASTER_ADDR: '127.0.0.1', MASTER_PORT: port };
    const child = spawn(command, args, { env: { ...process.env, ...env, OMP_NUM_THREADS: '1' } });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk) => (stdout += chunk));
    child.stderr.on('data', (chunk) => (stderr += chunk));
    return new Promise((resolve, reject) =>
      child.once('close', (code) =>
        code === 0 ? resolve(stdout) : reject(new Error(`${name}, rank ${rank}: ${stderr}`)),
      ),
    );
  });
  const [first] = await Promise.all(ranks);
  const { aloneMs, ddpMs, afterMs } = JSON.parse(first.trim().split('\n').at(-1));
  return { aloneMs, ddpMs, afterMs, share: 1 - aloneMs / ddpMs, shareWithoutOverlap: 1 - aloneMs / afterMs };
}

const runs = Object.fromEntries(CONTESTANTS.map(({ name }) => [name, []]));
for (let round = 0; round < Number(values.rounds); round++)
  for (const contestant of CONTESTANTS) runs[contestant.name].push(await measure(contestant));

const [{ name: baseline }] = CONTESTANTS;
const rows = CONTESTANTS.map(({ name }) => {
  const over = (of) => (key) => [key, rounded(median(runs[name].map((run, i) => of(run, i, key))))];
  const keys = Object.keys(runs[name][0]);
  const times = ['aloneMs', 'ddpMs', 'afterMs'];
  return {
    name,
    medians: Object.fromEntries(keys.map(over((run, _, key) => run[key]))),
    ratios: Object.fromEntries(times.map(over((run, i, key) => run[key] / runs[baseline][i][key]))),
    runs: runs[name],
  };
});
const question =
  'What DistributedDataParallel costs: resnet18_ibn_a, batch 2 at 224 px a rank, two ranks on one thread each (x: against Python torch)';
if (values.record) report('ddp', question, rows);
else console.log(JSON.stringify(rows, null, 1));
