// Compares features of checkpoints that the published Re-ID code wrote with what it gave itself.
//   python scripts/reid/write_checkpoints.py OUT REID_STRONG_BASELINE FAST_REID DEEP_PERSON_REID
//   node scripts/reid/compare-checkpoints.mjs OUT [--record FILE]
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { manualSeed, randint, reid, runtimeInfo } from '../../dist/index.js';

const [folder, flag, record] = process.argv.slice(2);
if (folder === undefined) throw new Error('Expected the folder of the checkpoints');

const relative = (actual, wanted) => {
  const difference = Math.hypot(...wanted.map((value, i) => value - actual[i]));
  return difference / Math.hypot(...wanted);
};

const found = {};
for (const file of readdirSync(folder).filter((name) => name.endsWith('.pth'))) {
  const want = JSON.parse(readFileSync(join(folder, file.replace(/pth$/, 'json')), 'utf8'));
  const loaded = reid.load(join(folder, file), { size: [256, 128] });
  manualSeed(2);
  const pixels = randint(0, 256, [4, 3, 256, 128], { dtype: 'uint8' });
  const errorOf = async (options, wanted) => {
    const features = await reid.extract(loaded, pixels, options);
    return relative(features.toArray().flat(), wanted.flat());
  };
  const plain = await errorOf({}, want.plain);
  const flipped = await errorOf({ flip: true }, want.flipped);
  found[file] = { network: String(loaded), plain, flipped };
  console.log(file, loaded.name, plain.toExponential(1), flipped.toExponential(1));
  if (!(plain < 1e-5 && flipped < 1e-5)) process.exitCode = 1;
}
if (flag === '--record') {
  const { torchVersion, cpuCapability } = runtimeInfo();
  const machine = { processor: cpus()[0]?.model, cpuCapability, torchVersion };
  writeFileSync(record, `${JSON.stringify({ ...machine, relativeErrors: found }, null, 2)}\n`);
}
