// Random networks, compiled and compared with eager mode: equal, or refused by a CompileError that says why.
//   node scripts/fuzz-compile.mjs [--networks 5000] [--seed 1] [--shards N] [--reasons]
// Needs dist/ and the native module. A failure prints its seed and steps; --networks 1 --seed S repeats it.
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    networks: { type: 'string', default: '5000' },
    seed: { type: 'string', default: '1' },
    shards: { type: 'string' },
    reasons: { type: 'boolean', default: false },
    child: { type: 'boolean', default: false },
  },
});
const STUCK_SECONDS = 120;
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [first, count] = [Number(values.seed), Number(values.networks)];

/** The child: network after network; says where it is, so that a crash can be named. */
async function work() {
  const torch = await import(pathToFileURL(join(root, 'dist/index.js')).href);
  const { compareWithEager } = await import('./graphs/compare.mjs');
  torch.setNumThreads(1);
  for (let seed = first; seed < first + count; seed++) {
    process.send({ seed });
    process.send({ seed, outcome: await compareWithEager(torch, seed) });
  }
}

/** Seeds of one child; a crash costs one network, and the rest go on in another child. */
function shard(seed, networks, take) {
  return new Promise((resolve) => {
    if (networks <= 0) return resolve();
    const args = [
      fileURLToPath(import.meta.url),
      '--child',
      '--seed',
      `${seed}`,
      '--networks',
      `${networks}`,
    ];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    let [at, done] = [seed, false];
    const kill = () => child.kill('SIGKILL');
    let timer = setTimeout(kill, STUCK_SECONDS * 1000);
    child.on('message', (message) => {
      clearTimeout(timer);
      timer = setTimeout(kill, STUCK_SECONDS * 1000);
      at = message.seed;
      done = message.outcome !== undefined;
      if (done) take(at, message.outcome);
    });
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      if (code === 0) return resolve();
      if (!done) take(at, { failure: `the process ended with ${signal ?? code}`, text: '' });
      resolve(shard(at + 1, seed + networks - at - 1, take));
    });
  });
}

async function main() {
  const counts = { equal: 0, refused: 0, failed: 0 };
  const reasons = new Map();
  const take = (seed, { failure, refused, text }) => {
    counts[failure ? 'failed' : refused ? 'refused' : 'equal'] += 1;
    if (failure) console.log(`seed ${seed}: ${failure}\n${text.replace(/^/gm, '  ')}\n`);
    const reason = refused?.replace(/ in (module|the network).*$/s, '').replace(/[\d, ]+\]/g, ']');
    if (reason) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  };
  const shards = Math.min(count, Number(values.shards ?? availableParallelism()));
  const each = Math.ceil(count / shards);
  await Promise.all(
    Array.from({ length: shards }, (_, i) => shard(first + i * each, Math.min(each, count - i * each), take)),
  );
  if (values.reasons) {
    for (const [reason, times] of [...reasons].sort((a, b) => b[1] - a[1]))
      console.log(`${times}  ${reason}`);
  }
  console.log(`${count} networks: ${counts.equal} equal, ${counts.refused} refused, ${counts.failed} failed`);
  process.exitCode = counts.failed > 0 ? 1 : 0;
}

await (values.child ? work() : main());
