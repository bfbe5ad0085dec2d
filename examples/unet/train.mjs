// Trains a U-Net that says for each pixel of an image what it belongs to.
//
//   node examples/unet/train.mjs                                   pictures of discs and bars, drawn into `shapes`
//   node examples/unet/train.mjs --data FOLDER --classes 2 --size 256
//
// README.md beside this file tells the options and how the folder is laid out.
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  bincount,
  cat,
  DataLoader,
  decodeImage,
  inferenceMode,
  load,
  manualSeed,
  nn,
  optim,
  randperm,
  save,
  scope,
  setNumThreads,
  transforms,
  writePng,
  zeros,
} from 'ibn-net';
import { numbersOf } from '../numbers.mjs';
import { writeShapes } from './shapes.mjs';

/** Two convolutions that keep height and width. */
const block = (inputs, outputs) =>
  new nn.Sequential(
    new nn.Conv2d(inputs, outputs, 3, { padding: 1, bias: false }),
    new nn.BatchNorm2d(outputs),
    new nn.ReLU({ inplace: true }),
    new nn.Conv2d(outputs, outputs, 3, { padding: 1, bias: false }),
    new nn.BatchNorm2d(outputs),
    new nn.ReLU({ inplace: true }),
  );

/** (N, 3, H, W) -> logits (N, classes, H, W); H and W are multiples of 16. */
class UNet extends nn.Module {
  constructor(classes, features) {
    super();
    const widths = [features, 2 * features, 4 * features, 8 * features];
    this.encoders = new nn.ModuleList(widths.map((width, i) => block(widths[i - 1] ?? 3, width)));
    this.bottleneck = block(8 * features, 16 * features);
    widths.reverse();
    this.upconvs = new nn.ModuleList(
      widths.map((width) => new nn.ConvTranspose2d(2 * width, width, 2, { stride: 2 })),
    );
    this.decoders = new nn.ModuleList(widths.map((width) => block(2 * width, width)));
    this.output = new nn.Conv2d(features, classes, 1);
  }

  forward(images) {
    let x = images;
    const skipped = [];
    for (const encoder of this.encoders) {
      x = encoder.forward(x);
      skipped.push(x);
      x = nn.functional.maxPool2d(x, 2);
    }
    x = this.bottleneck.forward(x);
    for (const [i, decoder] of [...this.decoders].entries()) {
      x = this.upconvs.get(i).forward(x);
      x = decoder.forward(cat([x, skipped.pop()], 1));
    }
    return this.output.forward(x);
  }
}

/** Images with masks of the same names; the number of a class in each pixel of a mask. */
class MaskedImages {
  constructor(folder, names, transform) {
    Object.assign(this, { folder, names, transform });
  }

  get length() {
    return this.names.length;
  }

  async get(index) {
    const paths = ['images', 'masks'].map((part) => join(this.folder, part, this.names[index]));
    const [image, mask] = await Promise.all(paths.map((path) => decodeImage(path)));
    return scope(() => this.transform.forward({ image, mask: mask.select(0, 0) }));
  }
}

/** One image in five is for validation. */
function readData({ data, size, batchSize, sequential }) {
  const { Compose, Normalize, RandomAffine, RandomHorizontalFlip, Resize, ToDtype } = transforms;
  const names = readdirSync(join(data, 'images')).sort();
  const shuffled = randperm(names.length)
    .toArray()
    .map((i) => names[i]);
  const count = Math.round(names.length / 5);
  const prepare = [
    new ToDtype({ image: 'float32', mask: 'int64' }, { scale: true }),
    new Normalize(transforms.IMAGENET_MEAN, transforms.IMAGENET_STD),
  ];
  const resize = new Resize([size, size]);
  const augment = [
    new RandomHorizontalFlip(),
    new RandomAffine(15, { scale: [0.9, 1.1], interpolation: 'bilinear' }),
  ];
  const train = new MaskedImages(data, shuffled.slice(count), new Compose([resize, ...augment, ...prepare]));
  const val = new MaskedImages(data, shuffled.slice(0, count), new Compose([resize, ...prepare]));
  return {
    train: new DataLoader(train, { batchSize, sequential, shuffle: true }),
    val: new DataLoader(val, { batchSize, sequential }),
    names: val.names,
  };
}

/** 1 less twice the overlap of what is predicted and what is there, over both; a mean over classes. */
function diceLoss(logits, masks) {
  const found = nn.functional.softmax(logits, 1);
  const there = nn.functional.oneHot(masks, logits.shape[1]).movedim(-1, 1).to(found.dtype);
  const both = found.mul(there).sum([0, 2, 3]);
  const all = found.add(there).sum([0, 2, 3]);
  return both.mul(2).add(1).div(all.add(1)).mean().neg().add(1);
}

async function trainEpoch(model, optimizer, loader) {
  model.train();
  let lossSum = 0;
  for await (const { image, mask } of loader) {
    lossSum += scope(() => {
      const logits = model.forward(image);
      const loss = nn.functional.crossEntropy(logits, mask).add(diceLoss(logits, mask));
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return loss.item();
    });
  }
  return lossSum / loader.length;
}

/** Of each class: pixels where it is both there and predicted, over pixels where it is either. */
async function evaluate(model, loader, classes) {
  model.eval();
  const counts = zeros([classes, classes], { dtype: 'int64' }); // (there, predicted)
  for await (const { image, mask } of loader) {
    scope(() => {
      const found = inferenceMode(() => model.forward(image).argmax(1));
      const pairs = mask.mul(classes).add(found).flatten();
      counts.add_(bincount(pairs, { minlength: classes ** 2 }).view([classes, classes]));
    });
  }
  const both = counts.diagonal();
  return both.div(counts.sum(0).add(counts.sum(1)).sub(both));
}

/** Predicted masks of the validation images, as gray images. */
async function writeMasks(model, { val, names }, folder) {
  mkdirSync(folder, { recursive: true });
  let written = 0;
  for await (const { image } of val) {
    const masks = scope(() => inferenceMode(() => model.forward(image).argmax(1).to('uint8')));
    for (const mask of masks.split(1)) await writePng(mask, join(folder, names[written++]));
  }
}

function parseOptions(argv) {
  const { values } = parseArgs({
    args: argv,
    options: {
      data: { type: 'string' },
      classes: { type: 'string', default: '3' },
      size: { type: 'string', default: '96' },
      features: { type: 'string', default: '16' },
      epochs: { type: 'string', default: '10' },
      'batch-size': { type: 'string', default: '8' },
      lr: { type: 'string', default: '0.001' },
      seed: { type: 'string', default: '0' },
      save: { type: 'string', default: 'unet.pth' },
      masks: { type: 'string' },
      sequential: { type: 'boolean', default: false },
      threads: { type: 'string' },
    },
  });
  const number = numbersOf(values);
  const size = number('size');
  if (size % 16 !== 0) throw new RangeError(`Expected a multiple of 16 for --size, got ${size}`);
  return {
    ...values,
    size,
    classes: number('classes'),
    features: number('features'),
    epochs: number('epochs'),
    batchSize: number('batch-size', 1),
    lr: number('lr'),
    seed: number('seed'),
    threads: number('threads'),
  };
}

async function main() {
  const options = parseOptions(process.argv.slice(2));
  if (options.threads) setNumThreads(options.threads);
  manualSeed(options.seed);
  options.data ??= await writeShapes('shapes');
  const data = readData(options);
  const model = new UNet(options.classes, options.features);
  const optimizer = new optim.Adam(model.parameters(), { lr: options.lr });
  let best = -1;
  for (let epoch = 1; epoch <= options.epochs; epoch++) {
    const loss = await trainEpoch(model, optimizer, data.train);
    const ious = await evaluate(model, data.val, options.classes);
    const mean = ious.nanmean().item(); // a class that is nowhere has none
    const each = ious.toArray().map((iou) => iou.toFixed(4));
    console.log(`epoch ${epoch}  loss ${loss.toFixed(4)}  IoU ${mean.toFixed(4)} (${each.join(' ')})`);
    if (mean > best) save(model.stateDict(), options.save);
    best = Math.max(best, mean);
  }
  console.log(`best IoU ${best.toFixed(4)}, in ${options.save}`);
  model.loadStateDict(load(options.save));
  if (options.masks) await writeMasks(model.eval(), data, options.masks);
}

await main();
