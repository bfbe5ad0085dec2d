// Trains a small network twice, by labels alone and also by what a large one answers, on Fashion-MNIST.
//
//   node examples/distillation/train.mjs
//   node examples/distillation/train.mjs --data FOLDER --teacher runs/fashion/model_best.pth
//
// README.md beside this file tells the options and where teachers come from.
import { parseArgs } from 'node:util';
import {
  cat,
  checkpoint,
  datasets,
  inferenceMode,
  load,
  manualSeed,
  models,
  nn,
  noGrad,
  optim,
  randperm,
  save,
  scope,
  setNumThreads,
} from 'ibn-net';
import { numbersOf } from '../numbers.mjs';

const DEMO = new URL('../../assets/fashion-mnist-resnet-ibn-a.pth', import.meta.url);

/** Two convolutions and two linear layers: (N, 1, 28, 28) -> (N, classes). */
class Student extends nn.Module {
  constructor(classes) {
    super();
    this.features = new nn.Sequential(
      new nn.Conv2d(1, 16, 3, { padding: 1 }),
      new nn.ReLU(),
      new nn.MaxPool2d(2),
      new nn.Conv2d(16, 16, 3, { padding: 1 }),
      new nn.ReLU(),
      new nn.MaxPool2d(2),
    );
    this.classifier = new nn.Sequential(
      new nn.Linear(16 * 7 * 7, 256),
      new nn.ReLU(),
      new nn.Dropout(0.1),
      new nn.Linear(256, classes),
    );
  }

  forward(images) {
    return this.classifier.forward(this.features.forward(images).flatten(1));
  }
}

/** A network that `examples/fashion-mnist` saved, and how it wants its images. */
function loadTeacher(file) {
  const saved = load(file);
  const { layers, options, input } = saved.args;
  const teacher = new models.ResNet_IBN(models.BasicBlock_IBN, layers, options);
  teacher.loadStateDict(checkpoint.stateDictOf(saved));
  return { teacher: teacher.eval(), classes: saved.classes, input };
}

/** Loads one half of the data set into memory: normalised float32 (N, 1, 28, 28) and int64 (N). */
function readData({ data, limit }, { mean, std }, train) {
  const set = new datasets.FashionMNIST(data, { train });
  const count = Math.min(limit ?? set.length, set.length);
  const images = set.data.narrow(0, 0, count).unsqueeze(1).to('float32').div_(255);
  return { images: images.sub_(mean[0]).div_(std[0]), labels: set.targets.narrow(0, 0, count) };
}

/** How far the student's answers are from the teacher's, both softened by a temperature. */
function softLoss(answers, wanted, temperature) {
  const { klDiv, logSoftmax, softmax } = nn.functional;
  const [student, teacher] = [answers.div(temperature), wanted.div(temperature)];
  const options = { reduction: 'batchmean' };
  return klDiv(logSoftmax(student, 1), softmax(teacher, 1), options).mul(temperature ** 2);
}

/** One epoch; without a teacher the labels alone count. */
function trainEpoch(student, teacher, optimizer, { images, labels }, options) {
  student.train();
  const order = randperm(images.shape[0]).split(options.batchSize);
  let lossSum = 0;
  for (const picked of order) {
    scope(() => {
      const batch = images.indexSelect(0, picked);
      const answers = student.forward(batch);
      let loss = nn.functional.crossEntropy(answers, labels.indexSelect(0, picked));
      if (teacher) {
        const wanted = noGrad(() => teacher.forward(batch));
        loss = softLoss(answers, wanted, options.temperature).lerp(loss, 1 - options.softWeight);
      }
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      lossSum += loss.item();
    });
  }
  return lossSum / order.length;
}

/** A network's answers to all images. */
function classify(model, images) {
  model.eval();
  return inferenceMode(() =>
    cat(images.split(500).map((part) => scope(() => model.forward(part).argmax(1)))),
  );
}

const share = (answers, wanted) => (100 * answers.eq(wanted).sum().item()) / wanted.shape[0];

/** A student with the initial weights and the order of images of the seed. */
function trainStudent(teacher, classes, train, options) {
  manualSeed(options.seed);
  const student = new Student(classes.length);
  const optimizer = new optim.Adam(student.parameters(), { lr: options.lr });
  for (let epoch = 1; epoch <= options.epochs; epoch++) {
    const loss = trainEpoch(student, teacher, optimizer, train, options);
    console.log(`${teacher ? 'with the teacher' : 'labels alone'}, epoch ${epoch}  loss ${loss.toFixed(4)}`);
  }
  return student;
}

function parseOptions(argv) {
  const { values } = parseArgs({
    args: argv,
    options: {
      data: { type: 'string' },
      teacher: { type: 'string' },
      epochs: { type: 'string', default: '10' },
      'batch-size': { type: 'string', default: '128' },
      temperature: { type: 'string', default: '2' },
      'soft-weight': { type: 'string', default: '0.25' },
      lr: { type: 'string', default: '0.001' },
      seed: { type: 'string', default: '0' },
      limit: { type: 'string' },
      save: { type: 'string' },
      threads: { type: 'string' },
    },
  });
  const number = numbersOf(values);
  return {
    ...values,
    epochs: number('epochs'),
    batchSize: number('batch-size', 1),
    temperature: number('temperature'),
    softWeight: number('soft-weight'),
    lr: number('lr'),
    seed: number('seed'),
    limit: number('limit'),
    threads: number('threads'),
  };
}

function main() {
  const options = parseOptions(process.argv.slice(2));
  if (options.threads) setNumThreads(options.threads);
  const { teacher, classes, input } = loadTeacher(options.teacher ?? DEMO);
  const [train, test] = [readData(options, input, true), readData(options, input, false)];
  const wanted = classify(teacher, test.images);
  const size = (model) => model.parameters().reduce((sum, parameter) => sum + parameter.numel(), 0);
  console.log(`teacher: ${size(teacher)} parameters, accuracy ${share(wanted, test.labels).toFixed(2)} %`);
  for (const guide of [null, teacher]) {
    const student = trainStudent(guide, classes, train, options);
    const answers = classify(student, test.images);
    console.log(
      `student ${guide ? 'with the teacher' : 'by labels alone'}: ${size(student)} parameters, ` +
        `accuracy ${share(answers, test.labels).toFixed(2)} %, agreement ${share(answers, wanted).toFixed(2)} %`,
    );
    if (guide && options.save) save(student.stateDict(), options.save);
  }
}

main();
