// Kills one of two ranks of `ibn-net train` with SIGKILL at random moments. Looks whether the other ends by itself, how soon,
// and with an error that names the rank; whether both, started again, end with the weights of a run that nothing disturbed;
// and whether one rank, and three, go on from there to the end.
//   node scripts/distributed/kill-ranks.mjs [--kills 20] [--record]
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { report } from '../../bench/harness.mjs';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const main = join(root, 'dist/cli/main.js');
const { values } = parseArgs({
  options: { kills: { type: 'string', default: '20' }, record: { type: 'boolean', default: false } },
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
  for (const [split, count] of Object.entries({ train: 24, val: 5 }))
    for (const [name, base] of Object.entries({ dark: 60, light: 190 })) {
      mkdirSync(join(folder, 'data', split, name), { recursive: true });
      for (let i = 0; i < count; i++) {
        const pixels = Buffer.from(Array.from({ length: 48 * 48 * 3 }, () => base + random() * 60));
        const image = sharp(pixels, { raw: { width: 48, height: 48, channels: 3 } });
        await image.jpeg().toFile(join(folder, 'data', split, name, `${i}.jpg`));
      }
    }
}

const EPOCHS = 2;
const RECIPE = `--epochs ${EPOCHS} --batch-size 4 --crop 32 --seed 3 --lr 0.01 --workers 1 --save-every 1 --resume auto`;
const NETWORK = ['--model', 'resnet18_ibn_a', '--model-options', '{"stem":"small","widths":[8,16,32,64]}'];

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Starts so many ranks, nobody above them; what becomes of each, with the time of its end. */
async function start(output, worldSize) {
  const port = String(await freePort());
  const args = ['train', join(folder, 'data'), ...NETWORK, ...RECIPE.split(' '), '--output', output];
  return Array.from({ length: worldSize }, (_, rank) => {
    const env = { RANK: String(rank), WORLD_SIZE: String(worldSize), LOCAL_RANK: String(rank) };
    const child = spawn(process.execPath, [main, ...args], {
      env: { ...process.env, ...env, MASTER_ADDR: '127.0.0.1', MASTER_PORT: port, OMP_NUM_THREADS: '1' },
    });
    const one = { child, text: '', began: undefined };
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => {
        one.text += chunk;
        if (one.text.includes('images of 2 classes')) one.began ??= performance.now();
      });
    one.ended = new Promise((resolve) =>
      child.once('close', (code) => resolve({ code, at: performance.now() })),
    );
    return one;
  });
}

async function runToTheEnd(output, worldSize) {
  const ranks = await start(output, worldSize);
  const ended = await Promise.all(ranks.map((rank) => rank.ended));
  const failed = ended.findIndex(({ code }) => code !== 0);
  if (failed >= 0) throw new Error(`Rank ${failed} of ${worldSize} failed:\n${ranks[failed].text}`);
  return (ended[0].at - ranks[0].began) / 1000;
}

/** Kills a rank so many seconds after the ranks have met; undefined where the run ended before. */
async function broken(output, seconds) {
  const ranks = await start(output, 2);
  while (ranks[0].began === undefined) await new Promise((resolve) => setTimeout(resolve, 5));
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const victim = Math.floor(Math.random() * 2);
  if (ranks.some(({ child }) => child.exitCode !== null)) return undefined;
  ranks[victim].child.kill('SIGKILL');
  const killed = performance.now();
  const [other] = await Promise.all([ranks[1 - victim].ended, ranks[victim].ended]);
  // The last rank's work may be done before the killed one is missed.
  if (other.code === 0 && load(join(output, newest(output))).epoch === EPOCHS) return undefined;
  const { text } = ranks[1 - victim];
  const isNamed = new RegExp(`rank ${victim} \\(host .+?\\) (ended|did not)`).test(text);
  return { victim, code: other.code, isNamed, endedAfterMs: Math.round(other.at - killed), text };
}

const newest = (output) =>
  readdirSync(output)
    .filter((name) => /^checkpoint-\d/.test(name))
    .sort()
    .at(-1);

function digest(output) {
  const hash = createHash('sha256');
  for (const [key, value] of load(join(output, newest(output))).state_dict)
    hash.update(key).update(Buffer.from(value.data().buffer));
  return hash.digest('hex');
}

/** With another number of ranks: to the last epoch, with finite weights. */
async function goesOnWith(worldSize, from) {
  const output = `${from}-${worldSize}`;
  cpSync(from, output, { recursive: true });
  await runToTheEnd(output, worldSize);
  const saved = load(join(output, newest(output)));
  const allFinite = [...saved.state_dict.values()].every((value) => value.isfinite().all().item());
  rmSync(output, { recursive: true });
  return saved.epoch === EPOCHS && allFinite;
}

async function tryOnce(number, expected, seconds) {
  const output = join(folder, `run-${number}`);
  rmSync(output, { recursive: true, force: true });
  mkdirSync(output);
  const afterSeconds = Math.random() * seconds;
  const how = await broken(output, afterSeconds);
  if (how === undefined) return undefined;
  const { text, ...told } = how;
  const at = newest(output)?.replace(/\D/g, '') ?? null;
  const others = [await goesOnWith(1, output), await goesOnWith(3, output)];
  await runToTheEnd(output, 2);
  const isSame = digest(output) === expected;
  rmSync(output, { recursive: true });
  const result = {
    afterSeconds: Number(afterSeconds.toFixed(2)),
    lastStep: at === null ? null : Number(at),
    ...told,
  };
  if (!isSame || !told.isNamed || told.code !== 1) console.log(text);
  return { ...result, isSame, goesOnWithOne: others[0], goesOnWithThree: others[1] };
}

try {
  await makeImages();
  const whole = join(folder, 'whole');
  const seconds = await runToTheEnd(whole, 2);
  const expected = digest(whole);
  console.log(`unbroken: ${seconds.toFixed(1)} s from meeting to end`);
  const runs = [];
  while (runs.length < Number(values.kills)) {
    const run = await tryOnce(runs.length, expected, seconds);
    if (run === undefined) continue;
    runs.push(run);
    console.log(runs.length, JSON.stringify(run));
  }
  const isGood = (run) =>
    run.isSame && run.isNamed && run.code === 1 && run.goesOnWithOne && run.goesOnWithThree;
  const good = runs.filter(isGood).length;
  console.log(`${good} of ${runs.length}: the other rank ended with an error that names the killed one, and`);
  console.log(
    'the run went on: two ranks to the weights of the unbroken one, one and three ranks to the end',
  );
  const medians = {
    kills: runs.length,
    good,
    slowestEndMs: Math.max(...runs.map((run) => run.endedAfterMs)),
  };
  if (values.record)
    report(
      'kill-ranks',
      'One of two ranks of ibn-net train killed with SIGKILL at a random moment: how the other ends, and what both come to again',
      [{ name: 'ibn-net train --resume auto', medians, runs }],
    );
  process.exitCode = good === runs.length ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
