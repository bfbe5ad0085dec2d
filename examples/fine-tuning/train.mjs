// Fine-tunes a published network on a folder of photos: its first layers stay, the others learn slowly, a new head fast.
//
//   node examples/fine-tuning/train.mjs --data photos
//   node examples/fine-tuning/train.mjs --data photos --model resnet50_ibn_a --freeze layer4
//
// README.md beside this file tells the options and how the folder is laid out.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  checkpoint,
  DataLoader,
  datasets,
  hub,
  inferenceMode,
  manualSeed,
  models,
  nn,
  optim,
  save,
  scope,
  setNumThreads,
  transforms,
} from 'ibn-net';
import { numbersOf } from '../numbers.mjs';

/** Photos of `train` and `val`, in a folder for each class. */
function readPhotos({ data, size, batchSize, sequential }) {
  const { imagenetEval, imagenetTrain } = transforms;
  const validate = imagenetEval({ resize: Math.round((size * 256) / 224), crop: size });
  const train = new datasets.ImageFolder(join(data, 'train'), { transform: imagenetTrain({ crop: size }) });
  const val = new datasets.ImageFolder(join(data, 'val'), { transform: validate });
  if (String(val.classes) !== String(train.classes)) {
    throw new RangeError(
      `Expected ${train.classes.join(', ')} in ${val.root}, got ${val.classes.join(', ')}`,
    );
  }
  return {
    classes: train.classes,
    train: new DataLoader(train, { batchSize, sequential, shuffle: true }),
    val: new DataLoader(val, { batchSize, sequential }),
  };
}

/** The network with the published weights or those of a file, and a new head. */
async function buildModel({ model: name, weights }, classes) {
  const model = weights
    ? nn.utils.skipInit(() => models.getModel(name))
    : await hub.load('XingangPan/IBN-Net', name, { pretrained: true });
  if (weights) checkpoint.loadInto(model, weights, { stripPrefix: 'auto', ignoreMismatched: true });
  const head = 'fc' in model ? 'fc' : 'classifier';
  model[head] = new nn.Linear(model[head].inFeatures, classes.length);
  return { model, head: model[head] };
}

/** The parts of the network up to and with the one that is named; they learn nothing from here on. */
function freeze(model, name) {
  const names = model.namedChildren().map(([child]) => child);
  if (name !== 'none' && !names.includes(name)) {
    throw new RangeError(`Expected none or one of ${names.join(', ')} for --freeze, got ${name}`);
  }
  const frozen = model.children().slice(0, names.indexOf(name) + 1);
  for (const part of frozen) part.requiresGrad_(false);
  return frozen;
}

/** Mean loss and accuracy over an epoch; with an optimizer the network learns. */
async function runEpoch({ model, frozen }, loader, optimizer) {
  model.train(optimizer !== undefined);
  for (const part of frozen) part.eval(); // batch norms would still gather statistics
  let [lossSum, correct, count] = [0, 0, 0];
  for await (const [images, labels] of loader) {
    scope(() => {
      const forward = () => model.forward(images);
      const logits = optimizer ? forward() : inferenceMode(forward);
      const loss = nn.functional.crossEntropy(logits, labels);
      if (optimizer) {
        optimizer.zeroGrad();
        loss.backward();
        optimizer.step();
      }
      lossSum += loss.item() * labels.shape[0];
      correct += logits.argmax(1).eq(labels).sum().item();
      count += labels.shape[0];
    });
  }
  return { loss: lossSum / count, accuracy: (100 * correct) / count };
}

async function train(parts, photos, options) {
  const { model, head } = parts;
  const own = new Set(head.parameters());
  const body = model.parameters().filter((parameter) => parameter.requiresGrad && !own.has(parameter));
  const groups = [{ params: head.parameters(), lr: options.headLr }, { params: body }];
  const optimizer = new optim.SGD(groups, { lr: options.lr, momentum: 0.9 });
  const scheduler = new optim.lrScheduler.StepLR(optimizer, options.stepSize, { gamma: options.gamma });
  let best = -1;
  for (let epoch = 1; epoch <= options.epochs; epoch++) {
    const learnt = await runEpoch(parts, photos.train, optimizer);
    scheduler.step();
    const { loss, accuracy } = await runEpoch(parts, photos.val);
    console.log(
      `epoch ${epoch}  train loss ${learnt.loss.toFixed(4)} accuracy ${learnt.accuracy.toFixed(2)} %  ` +
        `val loss ${loss.toFixed(4)} accuracy ${accuracy.toFixed(2)} %`,
    );
    if (accuracy <= best) continue;
    best = accuracy;
    const { classes } = photos;
    save(
      { arch: options.model, classes, epoch, best_acc: best, state_dict: model.stateDict() },
      options.save,
    );
  }
  console.log(`best val accuracy ${best.toFixed(2)} %, in ${options.save}`);
}

function parseOptions(argv) {
  const { values } = parseArgs({
    args: argv,
    options: {
      data: { type: 'string', default: 'photos' },
      model: { type: 'string', default: 'resnet18_ibn_a' },
      weights: { type: 'string' },
      freeze: { type: 'string', default: 'layer2' },
      size: { type: 'string', default: '224' },
      epochs: { type: 'string', default: '25' },
      'batch-size': { type: 'string', default: '16' },
      lr: { type: 'string', default: '0.001' },
      'head-lr': { type: 'string', default: '0.01' },
      'step-size': { type: 'string', default: '7' },
      gamma: { type: 'string', default: '0.1' },
      seed: { type: 'string', default: '0' },
      save: { type: 'string', default: 'best.pth' },
      sequential: { type: 'boolean', default: false },
      threads: { type: 'string' },
    },
  });
  const number = numbersOf(values);
  return {
    ...values,
    size: number('size'),
    epochs: number('epochs'),
    batchSize: number('batch-size', 1),
    lr: number('lr'),
    headLr: number('head-lr'),
    stepSize: number('step-size'),
    gamma: number('gamma'),
    seed: number('seed'),
    threads: number('threads'),
  };
}

async function main() {
  const options = parseOptions(process.argv.slice(2));
  if (options.threads) setNumThreads(options.threads);
  manualSeed(options.seed);
  const photos = readPhotos(options);
  const { model, head } = await buildModel(options, photos.classes);
  const frozen = freeze(model, options.freeze);
  const learning = model.parameters().filter(({ requiresGrad }) => requiresGrad);
  console.log(
    `${photos.classes.join(', ')}: ${learning.length} of ${model.parameters().length} tensors learn`,
  );
  await train({ model, head, frozen }, photos, options);
}

await main();
