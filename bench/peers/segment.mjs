// One network of bench/segment.mjs, compiled: milliseconds for an image, and the process's peak of memory.
//   node bench/peers/segment.mjs NAME NETWORK.pth IMAGE.f32 HEIGHT WIDTH LABELS RUNS
import { readFileSync, writeFileSync } from 'node:fs';
import { compile, fromBuffer, nn, segment, setNumThreads } from '../../dist/index.js';
import { median } from '../harness.mjs';

const [name, file, image, height, width, labels, runs] = process.argv.slice(2);
setNumThreads(2);

class Labelled extends nn.Module {
  constructor(model) {
    super();
    this.model = model;
  }

  forward(x) {
    return this.model.forward(x).argmax(1);
  }
}

const options =
  name === 'fcn' ? { outputStride: 8, dilateFirst: true, alignCorners: true } : { outputStride: 16 };
const { model } = segment.load(file, { layout: 'ibn-net', options, mmap: true });
const shape = [1, 3, Number(height), Number(width)];
const fast = await compile(new Labelled(model).eval(), { inputs: [shape] });
if (String(fast.explain()).includes('aten::'))
  throw new Error('Expected kernels for all steps, got libtorch');
model.dispose();
const bytes = readFileSync(image);
const x = fromBuffer(new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4), { shape });
const times = [];
let found;
for (let run = 0; run <= Number(runs); run++) {
  found?.dispose();
  const began = performance.now();
  found = await fast.run(x);
  times.push(performance.now() - began);
}
writeFileSync(labels, found.to('uint8').data());
const peakMB = process.resourceUsage().maxRSS / 1024;
console.log(JSON.stringify({ ms: median(times.slice(1)), peakMB }));
