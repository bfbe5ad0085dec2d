// Images a second of `classify` on 1,000 photos of 500x375 against a Python script with torch's DataLoader and ONNX Runtime, on
// the same files and weights: whole processes, in turns. Answers are compared by top-1 and by probability.
//   PYTHON=/path/to/python node bench/classify.mjs [--network resnet50_ibn_a] [--photos 1000] [--rounds 3] [--batch 8]
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { median, python, report, root, rounded } from './harness.mjs';
import { onnxOf, peerVersions } from './race/contestants.mjs';
import { folder as peers, weightsOf } from './race/files.mjs';

const { values } = parseArgs({
  options: {
    network: { type: 'string', default: 'resnet50_ibn_a' },
    photos: { type: 'string', default: '1000' },
    rounds: { type: 'string', default: '3' },
    batch: { type: 'string', default: '8' },
  },
});
const network = values.network;
const count = Number(values.photos);
const weights = weightsOf(network);
const onnx = onnxOf(network);
const folder = await photoFolder(count);

/** Crops of the tests' photos, each of another place and size, as JPEGs of a camera. */
async function photoFolder(photos) {
  const path = join(peers, 'photos', String(photos));
  mkdirSync(path, { recursive: true });
  const names = ['china.jpg', 'flower.jpg', 'coffee-420.jpg', 'chelsea.png', 'rocket.jpg'];
  const sources = names.map((name) => join(root, 'test/fixtures/images', name));
  for (let i = 0; i < photos; i++) {
    const file = join(path, `${String(i).padStart(5, '0')}.jpg`);
    if (existsSync(file)) continue;
    const scale = 1 + ((i * 7) % 10) / 20;
    const [width, height] = [Math.round(500 * scale), Math.round(375 * scale)];
    const area = { left: (i * 13) % (width - 499), top: (i * 5) % (height - 374), width: 500, height: 375 };
    const photo = sharp(sources[i % sources.length])
      .removeAlpha()
      .resize(width, height);
    await sharp(await photo.png().toBuffer())
      .extract(area)
      .jpeg({ quality: 90 })
      .toFile(file);
  }
  return path;
}

const contestants = [
  {
    name: 'Python, DataLoader and ONNX Runtime',
    command: python,
    args: [join(root, 'bench/peers/classify.py'), onnx, folder, values.batch],
  },
  {
    name: 'ibn-net classify',
    command: process.execPath,
    args: [
      ...[join(root, 'dist/cli/main.js'), 'classify', folder, '--json', '--top', '1'],
      ...['--model', network, '--checkpoint', weights, '--batch-size', values.batch],
    ],
  },
];

/** One whole process; its answers by file name. */
function run({ command, args }) {
  const start = performance.now();
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 2 ** 28 });
  const seconds = (performance.now() - start) / 1000;
  if (status !== 0) throw new Error(`${command} failed:\n${stderr}`);
  const answers = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  return { seconds, answers: answers.map(({ path, predictions: [best] }) => ({ path, ...best })) };
}

const runs = contestants.map(() => []);
for (let round = 0; round < Number(values.rounds); round++) {
  for (const [i, contestant] of contestants.entries()) runs[i].push(run(contestant));
}
const [theirs, ours] = runs.map((all) => all[0].answers);
if (ours.some(({ path }, i) => path !== theirs[i].path))
  throw new Error('Expected the same files in the same order');
const difference = ours.map(({ probability }, i) => Math.abs(probability - theirs[i].probability));
const differing = ours.flatMap(({ index }, i) => (index === theirs[i].index ? [] : [i]));
// Seeded weights leave classes that are equally probable to six digits, of which either may come first.
const ties = differing.filter((i) => difference[i] < 1e-5);
const rows = contestants.map(({ name }, i) => {
  const rates = runs[i].map(({ seconds }) => count / seconds);
  const ratio = median(rates.map((rate, j) => (rate * runs[0][j].seconds) / count));
  return {
    name,
    medians: { 'images/s': rounded(median(rates)) },
    ratios: { 'images/s': rounded(ratio) },
    runs: rates.map(rounded),
  };
});
report('classify', `classify on ${count} photos of 500x375, ${network}, whole processes`, rows, {
  peers: peerVersions(),
  batch: Number(values.batch),
  answers: {
    'same top-1': count - differing.length,
    'another of equally probable ones': ties.length,
    'another top-1': differing.length - ties.length,
    'largest difference of the best probability': Math.max(...difference),
  },
  bar: { least: 1.2, reached: rows[1].ratios['images/s'] >= 1.2 },
});
