// Trains a small ResNet-IBN-a on Fashion-MNIST.
//
//   node examples/fashion-mnist/train.mjs --checkpoint runs/fashion
//   node examples/fashion-mnist/train.mjs --evaluate --resume runs/fashion/model_best.pth
//
// README.md beside this file tells the options and what to expect.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  arange,
  checkpoint,
  datasets,
  inferenceMode,
  load,
  manualSeed,
  models,
  nn,
  optim,
  rand,
  randint,
  randperm,
  save,
  scope,
  setNumThreads,
  where,
} from 'ibn-net';
import { numbersOf } from '../numbers.mjs';

const { FashionMNIST } = datasets;

// The mean and deviation of the training images' pixels, after scaling to [0, 1].
const MEAN = 0.286;
const STD = 0.353;
const EVAL_BATCH = 500;

/** Everything a program needs to rebuild the network and prepare images for it; saved in every checkpoint. */
const RECIPE = {
  block: 'BasicBlock_IBN',
  layers: [1, 1, 1, 1],
  options: { numClasses: 10, inChannels: 1, widths: [16, 32, 64, 128], stem: 'small' },
  input: { channels: 1, resize: 28, crop: 28, mean: [MEAN], std: [STD] },
};

function buildModel() {
  return new models.ResNet_IBN(models.BasicBlock_IBN, RECIPE.layers, RECIPE.options);
}

/** uint8 (N, 1, 28, 28) -> normalised float32 of the same shape. */
function normalize(images) {
  return images.to('float32').div_(255).sub_(MEAN).div_(STD);
}

/** Moves each image by up to two pixels and mirrors every second one, the whole batch at once. */
function augment(images) {
  const n = images.shape[0];
  const shift = () => arange(28, { dtype: 'int64' }).add(randint(0, 5, [n, 1])); // (N, 28)
  const rows = shift();
  const columns = where(rand([n, 1]).lt(0.5), shift(), shift().flip([1]));
  return nn.functional
    .pad(images, [2, 2, 2, 2]) // (N, 1, 32, 32)
    .gather(2, rows.view([n, 1, 28, 1]).expand([n, 1, 28, 32]))
    .gather(3, columns.view([n, 1, 1, 28]).expand([n, 1, 28, 28]));
}

/** Half a cosine from `base` to 0 over the whole run. */
function learningRate(base, progress) {
  return 0.5 * base * (1 + Math.cos(Math.PI * progress));
}

function trainEpoch(model, optimizer, set, epoch, options) {
  model.train();
  manualSeed(options.seed + epoch); // an epoch is the same whether the run was resumed or not
  const order = randperm(set.images.shape[0]);
  const steps = Math.floor(order.shape[0] / options.batchSize);
  let lossSum = 0;
  let correct = 0;
  for (let step = 0; step < steps; step++) {
    for (const group of optimizer.paramGroups) {
      group.lr = learningRate(options.lr, (epoch + step / steps) / options.epochs);
    }
    scope(() => {
      const picked = order.narrow(0, step * options.batchSize, options.batchSize);
      const images = normalize(augment(set.images.indexSelect(0, picked)));
      const labels = set.labels.indexSelect(0, picked);
      const logits = model.forward(images);
      const loss = nn.functional.crossEntropy(logits, labels);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      lossSum += loss.item();
      correct += logits.argmax(1).eq(labels).sum().item();
    });
  }
  order.dispose();
  return { loss: lossSum / steps, acc: (100 * correct) / (steps * options.batchSize) };
}

function evaluate(model, set) {
  model.eval();
  const count = set.images.shape[0];
  let lossSum = 0;
  let correct = 0;
  for (let start = 0; start < count; start += EVAL_BATCH) {
    const size = Math.min(EVAL_BATCH, count - start);
    scope(() =>
      inferenceMode(() => {
        const labels = set.labels.narrow(0, start, size);
        const logits = model.forward(normalize(set.images.narrow(0, start, size)));
        lossSum += nn.functional.crossEntropy(logits, labels).item() * size;
        correct += logits.argmax(1).eq(labels).sum().item();
      }),
    );
  }
  return { loss: lossSum / count, acc: (100 * correct) / count };
}

/** Loads one half of the data set into memory: uint8 (N, 1, 28, 28) and int64 (N). */
function readData(options, train) {
  const set = new FashionMNIST(options.data, { train });
  const count = Math.min(options.limit ?? set.length, set.length);
  return { images: set.data.narrow(0, 0, count).unsqueeze(1), labels: set.targets.narrow(0, 0, count) };
}

/** The layout of IBN-Net's own training script, and what is needed to rebuild the network from the file alone. */
function saveCheckpoint(folder, state, isBest) {
  const saved = {
    epoch: state.epoch,
    state_dict: state.model.stateDict(),
    acc: state.acc,
    best_acc: state.best,
    optimizer: state.optimizer.stateDict(),
    arch: 'ResNet_IBN',
    args: RECIPE,
    classes: [...FashionMNIST.classes],
  };
  save(saved, join(folder, 'checkpoint.pth'));
  if (isBest) save(saved, join(folder, 'model_best.pth'));
}

function resume(path, model, optimizer) {
  const saved = load(path);
  model.loadStateDict(checkpoint.stateDictOf(saved));
  optimizer.loadStateDict(saved.optimizer);
  return { epoch: saved.epoch, best: saved.best_acc };
}

function parseOptions(argv) {
  const { values } = parseArgs({
    args: argv,
    options: {
      data: { type: 'string' },
      checkpoint: { type: 'string', default: 'checkpoint' },
      epochs: { type: 'string', default: '8' },
      'batch-size': { type: 'string', default: '128' },
      lr: { type: 'string', default: '0.1' },
      seed: { type: 'string', default: '0' },
      threads: { type: 'string' },
      limit: { type: 'string' },
      'stop-after': { type: 'string' },
      resume: { type: 'string' },
      evaluate: { type: 'boolean', default: false },
    },
  });
  const number = numbersOf(values);
  return {
    ...values,
    epochs: number('epochs'),
    batchSize: number('batch-size', 1),
    lr: number('lr'),
    seed: number('seed'),
    threads: number('threads'),
    limit: number('limit'),
    stopAfter: number('stop-after') ?? number('epochs'),
  };
}

function describe(epoch, { train, test }, options, seconds) {
  const result = ({ loss, acc }) => `loss ${loss.toFixed(4)} accuracy ${acc.toFixed(2)} %`;
  return `epoch ${epoch}/${options.epochs}  train ${result(train)}  test ${result(test)}  ${seconds.toFixed(0)} s`;
}

function runEpochs(model, optimizer, start, testSet, options) {
  const trainSet = readData(options, true);
  const parameters = model.parameters().reduce((sum, parameter) => sum + parameter.numel(), 0);
  console.log(`${trainSet.images.shape[0]} training images, ${parameters} parameters`);
  mkdirSync(options.checkpoint, { recursive: true });
  let { epoch, best } = start;
  while (epoch < Math.min(options.epochs, options.stopAfter)) {
    const began = performance.now();
    const train = trainEpoch(model, optimizer, trainSet, epoch, options);
    const test = evaluate(model, testSet);
    const isBest = test.acc > best;
    best = Math.max(best, test.acc);
    epoch++;
    saveCheckpoint(options.checkpoint, { epoch, model, optimizer, acc: test.acc, best }, isBest);
    console.log(describe(epoch, { train, test }, options, (performance.now() - began) / 1000));
  }
  console.log(`best test accuracy ${best.toFixed(2)} %`);
}

function main() {
  const options = parseOptions(process.argv.slice(2));
  if (options.threads) setNumThreads(options.threads);
  manualSeed(options.seed);
  const model = buildModel();
  const optimizer = new optim.SGD(model.parameters(), {
    lr: options.lr,
    momentum: 0.9,
    weightDecay: 5e-4,
    nesterov: true,
  });
  const start = options.resume ? resume(options.resume, model, optimizer) : { epoch: 0, best: 0 };
  const testSet = readData(options, false);
  if (!options.evaluate) return runEpochs(model, optimizer, start, testSet, options);
  const { loss, acc } = evaluate(model, testSet);
  console.log(`test loss ${loss.toFixed(4)} accuracy ${acc.toFixed(2)} %`);
}

main();
