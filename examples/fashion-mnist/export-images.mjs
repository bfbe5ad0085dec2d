// Writes the first test image of every class as a PNG, and the truths beside them.
//
//   node examples/fashion-mnist/export-images.mjs assets/images
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { datasets, writePng } from 'ibn-net';

const folder = process.argv[2] ?? 'images';
mkdirSync(folder, { recursive: true });
const test = new datasets.FashionMNIST(undefined, { train: false });
const labels = test.targets.toArray();
const truths = {};
for (const [label, name] of test.classes.entries()) {
  const index = labels.indexOf(label);
  const [image] = test.get(index);
  const file = `${index}-${name.toLowerCase().replaceAll(/\W+/g, '-')}.png`;
  await writePng(image, join(folder, file), { compressionLevel: 9 });
  truths[file] = name;
}
writeFileSync(join(folder, 'labels.json'), `${JSON.stringify(truths, null, 2)}\n`);
console.log(truths);
