// What compile() in bfloat16 makes of real images, against ibn-net's float32: top-1 agreement and the largest and mean
// difference of the logits. The networks with seeded weights answer photos (whole, scaled, mirrored); the trained one
// of the package answers its ten pictures, and Fashion-MNIST's test images where Debian's package has them.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  checkpoint,
  compile,
  datasets,
  decodeImage,
  inferenceMode,
  models,
  nn,
  stack,
} from '../../dist/index.js';
import { root } from '../harness.mjs';
import { THREADS, weightsOf } from '../race/contestants.mjs';
import { photos } from './photos.mjs';

/** Where Debian's dataset-fashion-mnist puts it. */
const FASHION = '/usr/share/datasets/fashion-mnist';

async function logitsOf(model, images, dtype) {
  const inputs = [[1, ...images.shape.slice(1)]];
  const fast = await compile(model, { inputs, dtype, threads: THREADS, dynamicBatch: true });
  const logits = (await fast.run(images)).to('float32').toArray();
  fast.dispose();
  return logits;
}

const argmax = (row) => row.indexOf(Math.max(...row));

function compareLogits(name, exact, rounded, labels) {
  const differences = exact.flatMap((row, i) => row.map((value, j) => Math.abs(value - rounded[i][j])));
  const largest = differences.reduce((a, b) => Math.max(a, b));
  const scale = exact.flat().reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  const share = (rows, wanted) =>
    Number((rows.filter((row, i) => argmax(row) === wanted[i]).length / rows.length).toFixed(4));
  const correct = labels && {
    'right in float32': share(exact, labels),
    'right in bfloat16': share(rounded, labels),
  };
  return {
    name,
    medians: {
      images: exact.length,
      'top-1 agreement': share(rounded, exact.map(argmax)),
      'max logit error': Number(largest.toPrecision(3)),
      'mean logit error': Number((differences.reduce((a, b) => a + b) / differences.length).toPrecision(3)),
      'largest logit': Number(scale.toPrecision(3)),
      ...correct,
    },
  };
}

async function compareDtypes(name, model, images, labels) {
  const exact = inferenceMode(() => model.forward(images)).toArray();
  const rows = [];
  for (const dtype of ['float32', 'bfloat16']) {
    rows.push(compareLogits(`${name}, ${dtype}`, exact, await logitsOf(model, images, dtype), labels));
  }
  return rows;
}

async function trained() {
  const { Classifier } = await import('../../dist/cli/network/classifier.js');
  const assets = join(root, 'assets');
  const classifier = await Classifier.load({ checkpoint: join(assets, 'fashion-mnist-resnet-ibn-a.pth') });
  const prepare = async (source) => classifier.prepare(await decodeImage(source));
  const truths = JSON.parse(readFileSync(join(assets, 'images/labels.json'), 'utf8'));
  const files = Object.keys(truths);
  const pictures = await Promise.all(files.map((file) => prepare(join(assets, 'images', file))));
  const labels = files.map((file) => classifier.classes.indexOf(truths[file]));
  const { model } = classifier;
  const rows = await compareDtypes('Fashion-MNIST, the ten pictures', model, stack(pictures), labels);
  if (!existsSync(FASHION)) return rows;
  const { data, targets } = new datasets.FashionMNIST(FASHION, { train: false });
  const x = data.unsqueeze(1).to('float32').div(255).sub(0.286).div(0.353); // as examples/fashion-mnist
  return [...rows, ...(await compareDtypes('Fashion-MNIST, test images', model, x, targets.toArray()))];
}

/** Rows for the result's table. */
export async function bf16Accuracy(networks) {
  if (compile === undefined) return [{ name: 'compile() is not in dist', medians: {} }];
  const rows = [];
  const images = await photos({ views: true });
  for (const network of networks) {
    const model = nn.utils.skipInit(() => models.getModel(network));
    checkpoint.loadInto(model, weightsOf(network));
    model.eval();
    rows.push(...(await compareDtypes(`${network}, seeded weights, photos`, model, images)));
  }
  return [...rows, ...(await trained())];
}
