// Makes features of a folder's images, decoding included; prints images a second and the features' first numbers.
//   node bench/peers/reid-extract.mjs ibn-net CHECKPOINT FOLDER | onnxruntime-node MODEL.onnx FOLDER
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { compile, reid } from '../../dist/index.js';
import { onnxruntimeNode } from './engines.mjs';

const [how, model, folder] = process.argv.slice(2);
const [HEIGHT, WIDTH, BATCH, THREADS] = [256, 128, 32, 2];
const PLANE = HEIGHT * WIDTH;
const paths = readdirSync(folder)
  .sort()
  .map((name) => join(folder, name));

const [MEAN, STD] = [
  [0.485, 0.456, 0.406],
  [0.229, 0.224, 0.225],
];
/** Each channel's value of each byte. */
const values = MEAN.map((mean, c) => Float32Array.from({ length: 256 }, (_, v) => (v / 255 - mean) / STD[c]));

async function decode(path, batch, at) {
  const image = sharp(path).resize(WIDTH, HEIGHT, { fit: 'fill', kernel: 'linear' }).removeAlpha();
  const pixels = await image.raw().toBuffer();
  const offset = at * 3 * PLANE;
  for (let c = 0; c < 3; c++) {
    const table = values[c];
    for (let i = 0; i < PLANE; i++) batch[offset + c * PLANE + i] = table[pixels[3 * i + c]];
  }
}

const PROGRAMS = {
  async 'ibn-net'() {
    const loaded = reid.load(model);
    const compiled = await compile(loaded.model, { inputs: [[1, 3, HEIGHT, WIDTH]], threads: THREADS });
    return async (files) => {
      const features = await reid.extract(loaded, files, { compiled, batchSize: BATCH });
      return features.data();
    };
  },
  async 'onnxruntime-node'() {
    const { InferenceSession, Tensor } = onnxruntimeNode();
    const session = await InferenceSession.create(model, { intraOpNumThreads: THREADS });
    const batchOf = async (files) => {
      const batch = new Float32Array(files.length * 3 * PLANE);
      await Promise.all(files.map((path, at) => decode(path, batch, at)));
      return new Tensor('float32', batch, [files.length, 3, HEIGHT, WIDTH]);
    };
    return async (files) => {
      const found = [];
      let next = batchOf(files.slice(0, BATCH));
      for (let at = 0; at < files.length; at += BATCH) {
        const input = await next;
        if (at + BATCH < files.length) next = batchOf(files.slice(at + BATCH, at + 2 * BATCH));
        const { output } = await session.run({ input });
        found.push(...output.data);
      }
      return found;
    };
  },
};

const extract = await PROGRAMS[how]();
await extract(paths.slice(0, BATCH));
const start = performance.now();
const features = await extract(paths);
const seconds = (performance.now() - start) / 1e3;
console.log(
  JSON.stringify({
    imagesPerSecond: paths.length / seconds,
    residentMB: process.resourceUsage().maxRSS / 1024,
    first: Array.from(features.slice(0, 8)),
  }),
);
process.exit(0);
