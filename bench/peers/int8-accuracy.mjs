// What quantize() makes of real images: the network of the package, trained on Fashion-MNIST, answers its 10,000 test images
// (Debian's package dataset-fashion-mnist) on every instruction set that this processor has. Calibrated with 256 training
// images. Top-1 agreement with float32, logit errors, and the cosine similarity of the features before the classifier.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkpoint, compile, datasets, models, nn, quantize, scope } from '../../dist/index.js';
import { root } from '../harness.mjs';

const FASHION = '/usr/share/datasets/fashion-mnist';
const SETS = ['avx512bf16', 'avx512vnni', 'avx512', 'avxvnni', 'avx2', 'baseline'];
const OBSERVERS = ['minmax', 'percentile', 'entropy'];
const IMAGES = 256;

function trainedNetwork() {
  const options = { numClasses: 10, inChannels: 1, widths: [16, 32, 64, 128], stem: 'small' };
  const model = new models.ResNet_IBN(models.BasicBlock_IBN, [1, 1, 1, 1], options);
  checkpoint.loadInto(model, join(root, 'assets/fashion-mnist-resnet-ibn-a.pth'));
  return model.eval();
}

/** As examples/fashion-mnist prepares them. */
function images(train) {
  const { data, targets } = new datasets.FashionMNIST(FASHION, { train });
  return { x: data.unsqueeze(1).to('float32').div(255).sub(0.286).div(0.353), labels: targets.toArray() };
}

/** Gives the features beside the logits. */
class WithFeatures extends nn.Module {
  constructor(model) {
    super();
    this.model = model;
    this.stages = models.createFeatureExtractor(model, ['layer4']);
  }

  forward(x) {
    const features = this.stages.forward(x).layer4.mean([2, 3]);
    return { features, logits: this.model.fc.forward(features) };
  }
}

async function answers(model, x, options) {
  const fast = await compile(model, { inputs: [[1, ...x.shape.slice(1)]], threads: 1, ...options });
  const given = await fast.run(x);
  fast.dispose();
  return given;
}

const share = (same) => Number((same.filter(Boolean).length / same.length).toFixed(4));
const short = (value) => Number(value.toPrecision(3));

function compare(exact, got, labels) {
  return scope(() => {
    const [want, have] = [exact.logits.argmax(1).toArray(), got.logits.argmax(1).toArray()];
    const difference = got.logits.sub(exact.logits).abs();
    const cosine = nn.functional.cosineSimilarity(got.features, exact.features);
    return {
      images: labels.length,
      'top-1 agreement': share(have.map((found, i) => found === want[i])),
      'right in float32': share(want.map((found, i) => found === labels[i])),
      'right in int8': share(have.map((found, i) => found === labels[i])),
      'max logit error': short(difference.max().item()),
      'mean logit error': short(difference.mean().item()),
      'largest logit': short(exact.logits.abs().max().item()),
      'least cosine of features': Number(cosine.min().item().toFixed(5)),
      'mean cosine of features': Number(cosine.mean().item().toFixed(5)),
    };
  });
}

/** One instruction set, this process's. */
async function measure() {
  const model = new WithFeatures(trainedNetwork()).eval();
  const { x, labels } = images(false);
  const calibration = images(true).x.narrow(0, 0, IMAGES).clone();
  const exact = await answers(model, x, {});
  const rows = [];
  for (const observer of OBSERVERS) {
    const quantization = await quantize(model, { calibration, observer, threads: 1 });
    const medians = compare(exact, await answers(model, x, { quantization }), labels);
    const layers = quantization.layers.filter(({ precision }) => precision === 'int8').length;
    const set = process.env.IBN_NET_CPU_CAPABILITY;
    rows.push({ name: `Fashion-MNIST, ${observer}, ${set}`, medians: { ...medians, 'int8 layers': layers } });
  }
  return rows;
}

/** Rows for the result's table, of all instruction sets. */
export function int8Accuracy() {
  if (!existsSync(FASHION)) return [{ name: `no images: ${FASHION}`, medians: {} }];
  return SETS.flatMap((set) => {
    const env = { ...process.env, IBN_NET_CPU_CAPABILITY: set };
    const { status, stdout, stderr } = spawnSync(process.execPath, [fileURLToPath(import.meta.url)], {
      env,
      encoding: 'utf8',
      maxBuffer: 1 << 24,
    });
    if (status === 0) return JSON.parse(stdout);
    return [{ name: `${set}: ${stderr.split('\n').find((line) => line.includes('Error'))}`, medians: {} }];
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(JSON.stringify(await measure()));
