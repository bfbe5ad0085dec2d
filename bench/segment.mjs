// How long does a network for segmentation take for an image of 1,024x2,048, and how much memory, against ONNX Runtime with the
// same weights? ResNet-50-IBN-b with the paper's head (output stride 8) and as DeepLabV3+ (16), whole images, the class of each
// pixel. Fresh processes in turn, two threads each; labels are compared.
//   PYTHON=... node bench/segment.mjs --rounds 3 --runs 2 --folder exported   (kept there for the next time)
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { manualSeed, randn } from '../dist/index.js';
import { compare, python, report, root, rounded } from './harness.mjs';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    runs: { type: 'string', default: '2' },
    height: { type: 'string', default: '1024' },
    width: { type: 'string', default: '2048' },
    folder: { type: 'string' },
    prepare: { type: 'boolean', default: false },
  },
});
const { height, width, runs } = values;
const folder = resolve(values.folder ?? mkdtempSync(join(tmpdir(), 'ibn-net-segment-')));
const at = (name) => join(folder, name);

function prepare() {
  mkdirSync(folder, { recursive: true });
  if (existsSync(at('image.f32'))) return;
  const args = [join(root, 'bench/peers/segment_export.py'), folder, height, width];
  const { status, stderr } = spawnSync(python, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`The networks could not be exported:\n${stderr}`);
  manualSeed(0);
  writeFileSync(at('image.f32'), randn([1, 3, Number(height), Number(width)]).data());
}

const contestants = (name) => [
  {
    name: `${name}, ONNX Runtime`,
    command: python,
    args: [
      join(root, 'bench/peers/segment.py'),
      at(`${name}.onnx`),
      at('image.f32'),
      height,
      width,
      at(`${name}.theirs`),
      runs,
    ],
  },
  {
    name: `${name}, ibn-net compiled`,
    command: process.execPath,
    args: [
      join(root, 'bench/peers/segment.mjs'),
      name,
      at(`${name}.pth`),
      at('image.f32'),
      height,
      width,
      at(`${name}.ours`),
      runs,
    ],
  },
];

/** Share of the pixels that both give the same class. */
function agreement(name) {
  const [ours, theirs] = ['ours', 'theirs'].map((ending) => readFileSync(at(`${name}.${ending}`)));
  let same = 0;
  for (let i = 0; i < ours.length; i++) same += Number(ours[i] === theirs[i]);
  return same / ours.length;
}

prepare();
if (!values.prepare) {
  const names = ['fcn', 'deeplabv3plus'];
  const rows = names.flatMap((name) => compare(contestants(name), Number(values.rounds)));
  const speed = (i) => rounded(1 / rows[2 * i + 1].ratios.ms);
  const notes = {
    size: `${height}x${width}`,
    threads: 2,
    sameLabels: Object.fromEntries(names.map((name) => [name, agreement(name)])),
    bars: names.map((name, i) => ({ name, speed: speed(i), bar: 1.2, reached: speed(i) >= 1.2 })),
  };
  report('segment', 'Segmentation of one image: ms, peak resident MB (x: of ONNX Runtime)', rows, notes);
  console.log(notes.bars, notes.sameLabels);
}
