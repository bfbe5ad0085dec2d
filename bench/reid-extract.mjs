// How many images a second become features, decoding and resizing included? reid-strong-baseline's resnet50_ibn_a at 256x128 on JPEGs
// of Market-1501's size (128x64), two threads; against onnxruntime-node with sharp, which prepares the next batch while one runs.
//   PEERS=<folder with onnxruntime-node> PYTHON=... node bench/reid-extract.mjs [images, default 512]
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { exportTorchScript, manualSeed, reid, save } from '../dist/index.js';
import { compare, python, report, root } from './harness.mjs';
import { made, folder as peers } from './race/files.mjs';

const count = Number(process.argv[2] ?? 512);

function network() {
  manualSeed(0);
  return new reid.StrongBaseline({ backbone: 'resnet50_ibn_a', numClasses: 751 }).eval();
}
const checkpoint = made('reid', 'resnet50_ibn_a.pth', (path) => save(network().stateDict(), path));
const onnx = made('reid', 'resnet50_ibn_a.onnx', (path) => {
  const script = `${path}.pt`;
  exportTorchScript(network(), script, { inputs: [[1, 3, 256, 128]], dynamicSizes: false });
  execFileSync(python, [join(root, 'bench/peers/script_to_onnx.py'), script, path, '1,3,256,128']);
});

async function photos() {
  const path = join(peers, 'people', String(count));
  mkdirSync(path, { recursive: true });
  const names = ['china.jpg', 'flower.jpg', 'coffee-420.jpg', 'rocket.jpg'];
  for (let i = 0; i < count; i++) {
    const file = join(path, `${String(i).padStart(5, '0')}.jpg`);
    if (existsSync(file)) continue;
    const area = { left: (i * 13) % 420, top: (i * 5) % 140, width: 128, height: 256 };
    const source = sharp(join(root, 'test/fixtures/images', names[i % names.length])).extract(area);
    await source.resize(64, 128).jpeg({ quality: 90 }).toFile(file);
  }
  return path;
}

const folder = await photos();
const program = (name, model) => ({
  name,
  command: process.execPath,
  args: [join(root, 'bench/peers/reid-extract.mjs'), name, model, folder],
});
const rows = compare([program('onnxruntime-node', onnx), program('ibn-net', checkpoint)], 3);
const firsts = rows.map(({ runs }) => runs[0].first);
for (const row of rows) for (const figures of [row.medians, row.ratios]) delete figures.first;
const off = Math.max(...firsts[0].map((value, i) => Math.abs(value - firsts[1][i])));
const scale = Math.max(...firsts[0].map(Math.abs));
report(
  'reid-extract',
  `Features of ${count} JPEGs of 64x128 at 256x128, resnet50_ibn_a: images a second`,
  rows,
  {
    note: `two threads, batches of 32; first features differ by ${(off / scale).toExponential(1)} of the largest (resizing differs)`,
  },
);
