// Do ibn-net and Python predict the same class for photographs? Makes 1,000 JPEG files of those given (real ones: of a package
// of wallpapers, of scikit-learn), a checkpoint written by Python, the predictions of both, and their record in bench/results (agreement.json).
// Needs a build and a Python with torch, torchvision and Pillow (PYTHON names it).
//   node scripts/agreement/compare.mjs PHOTO... [--model resnet50_ibn_a] [--count 1000] [--keep FOLDER] [--modules: uncompiled too]
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { python, report, rounded } from '../../bench/harness.mjs';
import { compile, DataLoader, datasets, load, models, noGrad, transforms } from '../../dist/index.js';

const { values, positionals: photos } = parseArgs({
  options: {
    count: { type: 'string', default: '1000' },
    model: { type: 'string', default: 'resnet50_ibn_a' },
    keep: { type: 'string' },
    modules: { type: 'boolean' },
  },
  allowPositionals: true,
});
if (photos.length === 0) throw new RangeError('Expected photographs, got none; pass their paths');
const folder = values.keep ?? mkdtempSync(join(tmpdir(), 'ibn-agreement-'));
const [checkpoint, answers] = ['net.pth', 'predictions.json'].map((name) => join(folder, name));
const script = (name) => fileURLToPath(new URL(name, import.meta.url));

function run(name, args) {
  const { status } = spawnSync(python, [script(name), ...args], { stdio: 'inherit' });
  if (status !== 0) throw new Error(`${name} ended with ${status}`);
}

/** What a model predicts, in the order of the files. */
async function predict(run, transform) {
  const data = new datasets.ImageFolder(join(folder, 'val'), { transform });
  const classes = [];
  for await (const [images] of new DataLoader(data, { batchSize: 32 })) {
    const logits = await run(images);
    classes.push(...logits.argmax(1).toArray().map(Number));
    images.dispose();
    logits.dispose();
  }
  return { paths: data.samples.map(([path]) => relative(folder, path)), classes };
}

try {
  if (!existsSync(answers)) {
    run('photos.py', [folder, ...photos, '--count', values.count]);
    run('predict.py', [folder, values.model, checkpoint, answers]);
  }
  const { paths, rows } = JSON.parse(readFileSync(answers, 'utf8'));
  const model = models[values.model]();
  model.loadStateDict(load(checkpoint).state_dict);
  model.eval();
  const fast = await compile(model, { inputs: [[32, 3, 224, 224]], dynamicBatch: true });
  const networks = [['compiled', (images) => fast.run(images)]];
  if (values.modules) networks.push(['modules', (images) => noGrad(() => model.forward(images))]);
  const table = [];
  for (const [name, run] of networks) {
    const found = await predict(run, transforms.imagenetEval());
    if (found.paths.join() !== paths.join()) throw new Error('the files are not those of Python');
    const differs = rows
      .map((row, i) => ({ ...row, i }))
      .filter(({ i, class: expected }) => found.classes[i] !== expected);
    const medians = { images: rows.length, identical: rows.length - differs.length };
    table.push({
      name,
      medians,
      differing: differs.map(({ i, margin }) => ({ path: paths[i], margin: rounded(margin) })),
    });
  }
  const margins = rows.map(({ margin }) => margin).sort((a, b) => a - b);
  report(
    'agreement',
    'Images whose class ibn-net and Python (torchvision transforms, same checkpoint) agree on',
    table,
    {
      model: values.model,
      photographs: photos.map((path) => basename(path)),
      classesPredicted: new Set(rows.map((row) => row.class)).size,
      margin: {
        least: rounded(margins[0]),
        hundredth: rounded(margins[margins.length / 100]),
        median: rounded(margins[margins.length >> 1]),
      },
    },
  );
} finally {
  if (values.keep === undefined) rmSync(folder, { recursive: true });
}
