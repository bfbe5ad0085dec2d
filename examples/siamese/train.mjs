// Trains a network whose embeddings of images of one class lie close together, by triplets, on Fashion-MNIST.
//
//   node examples/siamese/train.mjs
//
// README.md beside this file tells the options and what to expect.
import { parseArgs } from 'node:util';
import {
  cat,
  datasets,
  inferenceMode,
  manualSeed,
  nn,
  optim,
  rand,
  randint,
  randperm,
  save,
  scope,
  setNumThreads,
  tensor,
} from 'ibn-net';
import { numbersOf } from '../numbers.mjs';

// The mean and deviation of the training images' pixels, after scaling to [0, 1].
const MEAN = 0.286;
const STD = 0.353;
const EVAL_BATCH = 500;

/** Two convolutions and a linear layer, shared by all three images of a triplet: (N, 1, 28, 28) -> (N, size) of length 1. */
class SiameseNetwork extends nn.Module {
  constructor(size) {
    super();
    this.features = new nn.Sequential(
      new nn.Conv2d(1, 16, 3, { stride: 2, padding: 1 }),
      new nn.BatchNorm2d(16),
      new nn.ReLU(),
      new nn.Conv2d(16, 32, 3, { stride: 2, padding: 1 }),
      new nn.BatchNorm2d(32),
      new nn.ReLU(),
      new nn.Flatten(),
    );
    this.embedding = new nn.Linear(32 * 7 * 7, size);
  }

  forward(images) {
    return nn.functional.normalize(this.embedding.forward(this.features.forward(images)));
  }
}

/** Loads one half of the data set into memory: normalised float32 (N, 1, 28, 28) and int64 (N). */
function readData(options, train) {
  const set = new datasets.FashionMNIST(options.data, { train });
  const count = Math.min(options.limit ?? set.length, set.length);
  const images = set.data.narrow(0, 0, count).unsqueeze(1).to('float32').div_(255).sub_(MEAN).div_(STD);
  return { images, labels: set.targets.narrow(0, 0, count) };
}

/** Indices of each class's images. */
function indicesByClass(labels) {
  const places = Array.from({ length: 10 }, () => []);
  for (const [i, label] of labels.toArray().entries()) places[label].push(i);
  return places.map((list) => tensor(list, { dtype: 'int64' }));
}

/** One random image of each of the given classes. */
function pickOf(byClass, classes) {
  const picked = classes.map((label) => {
    const places = byClass[label];
    return places.narrow(0, Math.floor(rand([]).item() * places.shape[0]), 1).item();
  });
  return tensor(picked, { dtype: 'int64' });
}

/** Anchors in the given order, each with an image of its class and one of another. */
function triplet(set, byClass, anchors) {
  const labels = set.labels.indexSelect(0, anchors);
  const others = labels.add(randint(1, 10, labels.shape)).remainder(10);
  const images = (index) => set.images.indexSelect(0, index);
  return [
    images(anchors),
    images(pickOf(byClass, labels.toArray())),
    images(pickOf(byClass, others.toArray())),
  ];
}

function trainEpoch(model, optimizer, set, options) {
  model.train();
  const criterion = new nn.TripletMarginLoss({ margin: options.margin });
  const byClass = indicesByClass(set.labels);
  const order = randperm(set.images.shape[0]);
  const steps = Math.floor(order.shape[0] / options.batchSize);
  let lossSum = 0;
  for (let step = 0; step < steps; step++) {
    scope(() => {
      const anchors = order.narrow(0, step * options.batchSize, options.batchSize);
      const [anchor, positive, negative] = triplet(set, byClass, anchors).map((images) =>
        model.forward(images),
      );
      const loss = criterion.forward(anchor, positive, negative);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      lossSum += loss.item();
    });
  }
  return lossSum / steps;
}

function embed(model, images) {
  return cat(images.split(EVAL_BATCH).map((part) => model.forward(part)));
}

/** How many images have an image of their class as the nearest other one. */
function recallAt1(model, set) {
  model.eval();
  return scope(() =>
    inferenceMode(() => {
      const embeddings = embed(model, set.images);
      const similarity = embeddings.matmul(embeddings.t());
      similarity.diagonal().fill_(-1); // not itself
      const nearest = set.labels.indexSelect(0, similarity.argmax(1));
      return (100 * nearest.eq(set.labels).sum().item()) / set.labels.shape[0];
    }),
  );
}

function parseOptions(argv) {
  const { values } = parseArgs({
    args: argv,
    options: {
      data: { type: 'string' },
      epochs: { type: 'string', default: '5' },
      'batch-size': { type: 'string', default: '128' },
      embedding: { type: 'string', default: '64' },
      margin: { type: 'string', default: '0.3' },
      lr: { type: 'string', default: '0.05' },
      seed: { type: 'string', default: '0' },
      limit: { type: 'string' },
      threads: { type: 'string' },
      save: { type: 'string' },
    },
  });
  const number = numbersOf(values);
  return {
    ...values,
    epochs: number('epochs'),
    batchSize: number('batch-size', 1),
    embedding: number('embedding'),
    margin: number('margin'),
    lr: number('lr'),
    seed: number('seed'),
    limit: number('limit'),
    threads: number('threads'),
  };
}

function main() {
  const options = parseOptions(process.argv.slice(2));
  if (options.threads) setNumThreads(options.threads);
  manualSeed(options.seed);
  const [trainSet, testSet] = [readData(options, true), readData(options, false)];
  const model = new SiameseNetwork(options.embedding);
  const optimizer = new optim.SGD(model.parameters(), { lr: options.lr, momentum: 0.9, weightDecay: 5e-4 });
  console.log(
    `${trainSet.images.shape[0]} training images; untrained recall@1 ${recallAt1(model, testSet).toFixed(2)} %`,
  );
  for (let epoch = 1; epoch <= options.epochs; epoch++) {
    const loss = trainEpoch(model, optimizer, trainSet, options);
    console.log(
      `epoch ${epoch}  triplet loss ${loss.toFixed(4)}  test recall@1 ${recallAt1(model, testSet).toFixed(2)} %`,
    );
  }
  if (options.save) save(model.stateDict(), options.save);
}

main();
