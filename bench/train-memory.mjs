// Does a run of 5,000 steps need more memory the longer it runs, and does it leave tensors behind? Images are read, cropped and
// trained on, checkpoints written every 250 steps, figures taken every 500.
//   node --expose-gc bench/train-memory.mjs [--steps 5000] [--no-record]
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import {
  DataLoader,
  datasets,
  manualSeed,
  memoryStats,
  models,
  nn,
  optim,
  setNumThreads,
  train,
  transforms,
} from '../dist/index.js';
import { report } from './harness.mjs';

const { values } = parseArgs({
  options: { steps: { type: 'string', default: '5000' }, record: { type: 'boolean', default: true } },
  allowNegative: true,
});
/** Of an epoch: 400 images in fours. */
const BATCHES = 100;
const epochs = Number(values.steps) / BATCHES;
const folder = mkdtempSync(join(tmpdir(), 'ibn-train-memory-'));
setNumThreads(1);
sharp.concurrency(1);

async function writeImages() {
  for (const [label, name] of ['blue', 'red'].entries()) {
    mkdirSync(join(folder, 'images', name), { recursive: true });
    for (let i = 0; i < 2 * BATCHES; i++) {
      const background = { r: label * 200, g: i, b: 250 - label * 200 };
      await sharp({ create: { width: 48 + (i % 9), height: 40, channels: 3, background } })
        .jpeg()
        .toFile(join(folder, 'images', name, `${i}.jpg`));
    }
  }
}

/** Lets finalizers run. */
async function collect() {
  for (let i = 0; i < 5; i++) {
    globalThis.gc?.();
    await new Promise((go) => setTimeout(go, 20));
  }
}

async function run(count, told) {
  manualSeed(0);
  const images = new datasets.ImageFolder(join(folder, 'images'), {
    transform: transforms.imagenetTrain({ crop: 32 }),
  });
  const data = new DataLoader(images, { batchSize: 4, shuffle: true, prefetch: 4 });
  const model = models.resnet18_ibn_a({ numClasses: 2, widths: [8, 8, 8, 8], stem: 'small' });
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
  const ema = new optim.swaUtils.AveragedModel(model, { multiAvgFn: optim.swaUtils.getEmaMultiAvgFn(0.99) });
  const trainer = new train.Trainer({
    model,
    optimizer,
    ema,
    data,
    loss: ([x, labels]) => nn.functional.crossEntropy(model.forward(x), labels),
    epochs: count,
    output: join(folder, 'run'),
    saveEvery: 250,
    callbacks: { onStep: ({ step }) => told?.(step) },
  });
  await trainer.fit();
  rmSync(join(folder, 'run'), { recursive: true });
}

await writeImages();
await run(1); // what is made once is there afterwards
await collect();
const before = memoryStats().tensors;
const found = [];
await run(epochs, (step) => {
  if (step % 500 === 0)
    found.push({
      step,
      residentMB: Math.round(process.memoryUsage.rss() / 1e6),
      tensors: memoryStats().tensors,
    });
});
await collect();
const medians = {
  steps: Number(values.steps),
  residentMBAt1000: found.find(({ step }) => step >= 1000)?.residentMB,
  residentMBAtEnd: found.at(-1)?.residentMB,
  tensorsLeft: memoryStats().tensors - before,
};
rmSync(folder, { recursive: true });
if (values.record)
  report('train-memory', 'Memory of a training run over its steps, and tensors that it leaves behind', [
    { name: 'Trainer', medians, runs: found },
  ]);
else console.log(JSON.stringify({ ...medians, found }));
