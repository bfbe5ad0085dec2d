// How many images a second do a DataLoader's threads decode, crop, flip and normalise, beside torch's worker processes? JPEG
// files in FOLDER/small (500x375) and FOLDER/large (over 2 megapixels), each an ImageFolder; scripts/agreement/photos.py
// makes others. Python first in every round; ratios of images_per_second above 1 are faster. Processor time (cpu_ms_per_image) tells
// more than images a second where other programs run.
//   FOLDER=photos ROUNDS=3 SECONDS=4 node bench/input-pipeline.mjs
import { join } from 'node:path';
import { compare, python, report, root } from './harness.mjs';

const {
  FOLDER: folder,
  ROUNDS: rounds = '3',
  SECONDS: seconds = '4',
  WORKERS: workers = '0,1,2,4',
} = process.env;
const { LARGE_WORKERS: largeWorkers = workers } = process.env;
if (folder === undefined)
  throw new Error('Expected a folder of photographs in FOLDER, with small/ and large/');
const BATCH = '32';

const rows = [];
for (const size of ['small', 'large']) {
  for (const count of (size === 'small' ? workers : largeWorkers).split(',')) {
    const args = [join(folder, size), count, BATCH, seconds];
    const ours = (...more) => [join(root, 'bench/peers/input-pipeline.mjs'), ...args, ...more];
    const contestants = [
      { name: 'torchvision', command: python, args: [join(root, 'bench/peers/input_pipeline.py'), ...args] },
      { name: 'ibn-net', command: process.execPath, args: ours() },
    ];
    // Without workers a batch is prepared by as many threads as an op has; Python by one.
    if (count === '0')
      contestants.push({ name: 'ibn-net, 1 thread', command: process.execPath, args: ours('1') });
    for (const row of compare(contestants, Number(rounds))) {
      rows.push({ ...row, name: `${size}, ${count} workers: ${row.name}` });
    }
  }
}
report(
  'input-pipeline',
  'JPEG to batches: decode, RandomResizedCrop(224), flip, normalise; images a second',
  rows,
  {
    batchSize: Number(BATCH),
  },
);
