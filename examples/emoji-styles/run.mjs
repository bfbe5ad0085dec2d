// Trains and tests one network of the study, in a process of its own: study.mjs starts it.
//
//   node run.mjs '{"run": {...}, "form": {...}, "output": "FOLDER"}'
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  arange,
  checkpoint,
  DataLoader,
  load,
  manualSeed,
  models,
  nn,
  optim,
  rand,
  randint,
  setNumThreads,
  TensorDataset,
  train,
  where,
} from 'ibn-net';
import { emojiRun, loadEmoji } from './emoji-data.mjs';
import { fashionRun } from './fashion-data.mjs';
import { VARIANTS } from './plan.mjs';

const TEST_BATCH = 256;
const STUDY = process.ppid;

/**
 * Ends this process when the study was ended: another may be at work on the same run. Steps follow each other without a turn
 * of the event loop, which would tell.
 */
function leaveWithStudy() {
  if (process.ppid !== STUDY) process.exit(1);
}

/** Mean and deviation of each channel, for images (N, 3, H, W) of 0 to 255. */
function statistics(images) {
  const values = images.to('float32');
  const shape = [1, 3, 1, 1];
  return { mean: values.mean([0, 2, 3]).view(shape), std: values.std([0, 2, 3]).view(shape) };
}

const normalize = (images, { mean, std }) => images.to('float32').sub(mean).div(std);

/** Moves each image by up to a sixteenth of its side, and mirrors every second one; colours stay as they are. */
function augment(images) {
  const [n, channels, side] = images.shape;
  const most = Math.round(side / 16);
  const shift = () => arange(side, { dtype: 'int64' }).add(randint(0, 2 * most + 1, [n, 1])); // (N, side)
  const rows = shift();
  const columns = where(rand([n, 1]).lt(0.5), shift(), shift().flip([1]));
  const padded = nn.functional.pad(images, [most, most, most, most], { mode: 'replicate' });
  const wide = side + 2 * most;
  return padded
    .gather(2, rows.view([n, 1, side, 1]).expand([n, channels, side, wide]))
    .gather(3, columns.view([n, 1, 1, side]).expand([n, channels, side, side]));
}

function buildModel(form, variant, numClasses) {
  const options = { stem: 'small', widths: form.widths, numClasses, ibnCfg: VARIANTS[variant] };
  return new models.ResNet_IBN(models.BasicBlock_IBN, form.layers, options);
}

function* batchesOf({ images, labels }, stats) {
  for (let start = 0; start < labels.shape[0]; start += TEST_BATCH) {
    const size = Math.min(TEST_BATCH, labels.shape[0] - start);
    yield [normalize(images.narrow(0, start, size), stats), labels.narrow(0, start, size)];
  }
}

async function measure(model, pair, stats, numClasses) {
  const metrics = new train.ClassificationMetrics(numClasses);
  await train.evaluate(model, batchesOf(pair, stats), metrics);
  const { loss, top1, samples } = metrics.summary();
  return { top1, loss, samples };
}

async function dataOf({ run, form, packages, cache, data }) {
  if (run.part === 'fashion') return fashionRun({ data, fashion: form.fashion });
  return emojiRun(await loadEmoji({ ...form, packages, cache }), run);
}

/** Trains to the end, from the newest checkpoint if there is one, and leaves the weights of the best epoch in the model. */
async function trainBest(model, data, stats, { run, form, folder }) {
  const { lr, weightDecay, batchSize } = form;
  const epochs = form.epochs[run.part];
  const set = new TensorDataset(data.train.images, data.train.labels);
  const loader = new DataLoader(set, { batchSize, shuffle: true, dropLast: true, seed: run.seed });
  const optimizer = new optim.SGD(model.parameters(), { lr, momentum: 0.9, nesterov: true, weightDecay });
  let isResumed = false;
  const trainer = new train.Trainer({
    model,
    optimizer,
    scheduler: new optim.lrScheduler.CosineAnnealingLR(optimizer, epochs * loader.length),
    schedulerStep: 'step',
    data: loader,
    loss: ([images, labels]) =>
      nn.functional.crossEntropy(model.forward(normalize(augment(images), stats)), labels),
    evaluate: (measured) => measure(measured, data.val, stats, data.classes.length),
    best: { figure: 'top1' },
    epochs,
    output: folder,
    keepLast: 1,
    callbacks: {
      onStep: leaveWithStudy,
      onResume: () => {
        isResumed = true;
      },
      onEpoch: ({ epoch, train: means, val }) => {
        process.send?.({ id: run.id, epoch: epoch + 1, epochs, loss: means.loss, val: val.top1 });
      },
    },
  });
  const { step } = await trainer.fit({ resume: 'auto' });
  const best = load(join(folder, 'model_best.pth'));
  model.loadStateDict(checkpoint.stateDictOf(best));
  return { steps: step, bestEpoch: best.epoch, bestVal: best.best_acc, isResumed };
}

async function main(job) {
  const { run, form, output } = job;
  setNumThreads(1);
  const data = await dataOf(job);
  const stats = statistics(data.train.images);
  manualSeed(run.seed);
  const model = buildModel(form, run.variant, data.classes.length);
  const folder = join(output, 'checkpoints', run.id);
  mkdirSync(folder, { recursive: true });
  const began = performance.now();
  const fitted = await trainBest(model, data, stats, { run, form, folder });
  const tests = { 'training set': await measure(model, data.train, stats, data.classes.length) };
  for (const [name, pair] of Object.entries(data.tests)) {
    tests[name] = await measure(model, pair, stats, data.classes.length);
  }
  const seconds = (performance.now() - began) / 1000;
  const cpu = process.cpuUsage();
  leaveWithStudy();
  writeResult(join(output, 'runs', `${run.id}.json`), {
    ...run,
    ...fitted,
    trainingImages: data.train.labels.shape[0],
    seconds,
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
    tests,
  });
  rmSync(folder, { recursive: true });
}

/** A result is whole, or there is none. */
function writeResult(path, result) {
  writeFileSync(`${path}.tmp`, `${JSON.stringify(result, null, 1)}\n`);
  renameSync(`${path}.tmp`, path);
}

await main(JSON.parse(process.argv[2]));
process.disconnect?.();
