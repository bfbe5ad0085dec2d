// Ends runs of `ibn-net train` with kill -9 at random moments, each run several times, and lets them go on to the end: are the
// weights, the best weights and the log the same bytes as those of a run that nobody killed?
//   node bench/kill-points.mjs [--points 200] [--each 4] [--seed 1] [--no-record]
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { report, root } from './harness.mjs';

const { values } = parseArgs({
  options: {
    points: { type: 'string', default: '200' },
    each: { type: 'string', default: '4' },
    seed: { type: 'string', default: '1' },
    record: { type: 'boolean', default: true },
  },
  allowNegative: true,
});
const points = Number(values.points);
/** 40 images in fives: eight steps in each of four epochs, a checkpoint behind each step. */
const BATCHES = 8;
const EPOCHS = 4;
const FILES = ['checkpoint.pth', 'model_best.pth', 'model_best_ema.pth', 'log.txt'];
const folder = mkdtempSync(join(tmpdir(), 'ibn-kill-'));
const place = (name) => join(folder, name);
const random = generator(Number(values.seed));

/** Numbers from 0 to 1: mulberry32. */
function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

async function writeImages() {
  for (const [split, count] of [
    ['train', 20],
    ['val', 4],
  ])
    for (const [label, name] of ['blue', 'red'].entries()) {
      mkdirSync(place(`data/${split}/${name}`), { recursive: true });
      for (let i = 0; i < count; i++) {
        const background = { r: label * 200, g: (13 * i) % 256, b: 250 - label * 200 };
        await sharp({ create: { width: 24 + (i % 5), height: 22, channels: 3, background } })
          .jpeg()
          .toFile(place(`data/${split}/${name}/${i}.jpg`));
      }
    }
}

/** Order, crops, mixes, dropped weights of the average: all that a run draws and remembers is in it. */
function start(output) {
  const network = JSON.stringify({ widths: [4, 4, 4, 4], stem: 'small' });
  const flags = `--model resnet18_ibn_a --epochs ${EPOCHS} --batch-size 5 --crop 16 --seed 3 --lr 0.05 --scheduler cosine
    --warmup-epochs 1 --mixup 0.2 --cutmix 1 --ema 0.9 --random-erasing 0.3 --auto-augment trivialaugment --save-every 1`;
  const args = ['train', place('data'), '--output', output, '--resume', 'auto', '--model-options', network];
  return spawn(process.execPath, [join(root, 'dist/cli/main.js'), ...args, ...flags.split(/\s+/)], {
    env: { ...process.env, OMP_NUM_THREADS: '1' },
    stdio: ['ignore', 'ignore', 'ignore'],
  });
}

const ended = (child) => new Promise((go) => child.on('exit', (code, signal) => go(signal ?? code)));
const digests = (output) =>
  FILES.map((name) =>
    createHash('sha256')
      .update(readFileSync(join(output, name)))
      .digest('hex'),
  ).join();

/** The step of the newest checkpoint, 0 before the first. */
function stepOf(output) {
  try {
    return Math.max(
      0,
      ...readdirSync(output).map((name) => Number(/^checkpoint-(\d+)/.exec(name)?.[1] ?? 0)),
    );
  } catch {
    return 0;
  }
}

/** A run that nobody kills: its bytes, and how long it takes to its first checkpoint and to its end. */
async function whole() {
  const output = place('whole');
  const began = performance.now();
  const child = start(output);
  const end = ended(child);
  let first;
  while (child.exitCode === null) {
    if (first === undefined && stepOf(output) > 0) first = performance.now() - began;
    await new Promise((go) => setTimeout(go, 5));
  }
  if ((await end) !== 0) throw new Error('Expected the whole run to end with status 0');
  return { wanted: digests(output), first, last: performance.now() - began };
}

/** Starts a run and kills it at a random moment; undefined where it ended before that. */
async function kill(output, { first, last }) {
  const child = start(output);
  const delay = first * 0.9 + (random() * (last - first * 0.9)) / 2;
  const timer = setTimeout(() => child.kill('SIGKILL'), delay);
  const end = await ended(child);
  clearTimeout(timer);
  if (end === 0) return undefined;
  if (end !== 'SIGKILL') throw new Error(`Expected the run in ${output} to go on, got exit status ${end}`);
  const step = stepOf(output);
  return {
    step,
    isMidEpoch: step % BATCHES !== 0,
    isTorn: readdirSync(output).some((name) => name.endsWith('.tmp')),
  };
}

/** Kills a run several times, lets it end, and compares its bytes. */
async function killed(number, reference, times) {
  const output = place(`run-${number}`);
  mkdirSync(output);
  const kills = [];
  while (kills.length < times) {
    const one = await kill(output, reference);
    if (one === undefined) break;
    kills.push(one);
  }
  const status = await ended(start(output));
  const isSame = status === 0 && digests(output) === reference.wanted;
  if (isSame) rmSync(output, { recursive: true });
  return kills.map((one) => ({ ...one, isSame }));
}

await writeImages();
const reference = await whole();
const found = [];
for (let number = 0; found.length < points; number++) {
  found.push(...(await killed(number, reference, Math.min(Number(values.each), points - found.length))));
  process.stderr.write(`\r${found.length}/${points}`);
}
const count = (test) => found.filter(test).length;
const medians = {
  points,
  sameBytes: count(({ isSame }) => isSame),
  midEpoch: count(({ isMidEpoch }) => isMidEpoch),
  whileWriting: count(({ isTorn }) => isTorn),
  distinctSteps: new Set(found.map(({ step }) => step)).size,
};
if (values.record)
  report('kill-points', 'Runs killed with kill -9 at random moments that went on to the same bytes', [
    { name: 'ibn-net train --resume auto', medians, steps: found.map(({ step }) => step) },
  ]);
else console.log(JSON.stringify(medians));
if (medians.sameBytes === points) rmSync(folder, { recursive: true });
else {
  console.error(`Runs that came to other bytes are in ${folder}`);
  process.exitCode = 1;
}
