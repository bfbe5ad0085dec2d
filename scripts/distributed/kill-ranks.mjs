// Kills a rank of `ibn-net launch ... ibn-net train` with SIGKILL at random moments, and compares the weights that the
// restarted runs end with to those of a run that nothing disturbed.
//   node scripts/distributed/kill-ranks.mjs [--kills 20] [--output FILE]
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const main = join(root, 'dist/cli/main.js');
const { values } = parseArgs({
  options: { kills: { type: 'string', default: '20' }, output: { type: 'string' } },
});
const folder = mkdtempSync(join(tmpdir(), 'ibn-ranks-'));
const { load } = await import(join(root, 'dist/index.js'));

/** Two classes of noise, dark and light. */
async function makeImages() {
  const { default: sharp } = await import('sharp');
  let seed = 1;
  const random = () => {
    seed = (seed * 16_807) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  for (const [split, count] of Object.entries({ train: 12, val: 4 }))
    for (const [name, base] of Object.entries({ dark: 60, light: 190 })) {
      mkdirSync(join(folder, 'data', split, name), { recursive: true });
      for (let i = 0; i < count; i++) {
        const pixels = Buffer.from(Array.from({ length: 48 * 48 * 3 }, () => base + random() * 60));
        const image = sharp(pixels, { raw: { width: 48, height: 48, channels: 3 } });
        await image.jpeg().toFile(join(folder, 'data', split, name, `${i}.jpg`));
      }
    }
}

const args = (output) =>
  ['launch', '--nproc-per-node', '2', '--max-restarts', '3', 'ibn-net', 'train', join(folder, 'data')].concat(
    [
      '--model',
      'resnet18_ibn_a',
      '--model-options',
      '{"stem":"small"}',
      '--output',
      output,
      '--resume',
      'auto',
    ],
    [
      '--epochs',
      '2',
      '--batch-size',
      '4',
      '--crop',
      '32',
      '--seed',
      '3',
      '--lr',
      '0.01',
      '--workers',
      '1',
      '--save-every',
      '1',
    ],
  );

/** Processes whose parent is `pid`, from /proc. */
const childrenOf = (pid) =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);

/** Runs to the end; with `after`, a rank is killed so many milliseconds in. Gives the digest of the weights. */
function run(output, after) {
  const began = performance.now();
  const child = spawn(process.execPath, [main, ...args(output)], { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += chunk));
  let killed = false;
  const timer =
    after &&
    setTimeout(() => {
      const ranks = childrenOf(child.pid);
      if (ranks.length === 0) return;
      process.kill(ranks[Math.floor(Math.random() * ranks.length)], 'SIGKILL');
      killed = true;
    }, after);
  return new Promise((resolve) =>
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code, killed, seconds: (performance.now() - began) / 1000, text });
    }),
  );
}

function digest(output) {
  const hash = createHash('sha256');
  const newest = readdirSync(output)
    .filter((name) => /^checkpoint-\d/.test(name))
    .sort()
    .at(-1);
  for (const [key, value] of load(join(output, newest)).state_dict)
    hash.update(key).update(Buffer.from(value.data().buffer));
  return hash.digest('hex');
}

await makeImages();
const whole = join(folder, 'whole');
const unbroken = await run(whole);
if (unbroken.code !== 0) throw new Error(unbroken.text);
const expected = digest(whole);
const runs = [];
while (runs.length < Number(values.kills)) {
  const output = join(folder, `run-${runs.length}`);
  const after = 500 + Math.random() * unbroken.seconds * 900;
  const { code, killed, seconds, text } = await run(output, after);
  if (!killed) continue;
  const same = code === 0 && digest(output) === expected;
  const named = /rank \d+ \(host .+?\) (ended|did not)/.test(text);
  runs.push({ afterMs: Math.round(after), code, seconds: Number(seconds.toFixed(1)), same, named });
  console.log(runs.length, runs.at(-1));
  if (!same) console.log(text);
  rmSync(output, { recursive: true, force: true });
}
rmSync(folder, { recursive: true });
const same = runs.filter((one) => one.same).length;
console.log(
  `${same} of ${runs.length} killed runs ended with the weights of the unbroken one (${unbroken.seconds.toFixed(1)} s)`,
);
const record = {
  processor: cpus()[0].model,
  node: process.version,
  unbrokenSeconds: unbroken.seconds,
  same,
  kills: runs.length,
  runs,
};
if (values.output) writeFileSync(values.output, `${JSON.stringify(record, undefined, 2)}\n`);
process.exitCode = same === runs.length ? 0 : 1;
