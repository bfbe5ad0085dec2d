// Gives a DataLoader damaged copies of the JPEG files of test/fixtures: each must end with the pixels of decodeImage, or with an
// ImageError where that has one. Prints what happened; ends with 1 at anything else. Needs a build.
//   node scripts/fuzz-pipeline.mjs [--cases 20000] [--seed 1]
import { readdirSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';

const { values } = parseArgs({
  options: { cases: { type: 'string', default: '20000' }, seed: { type: 'string', default: '1' } },
});
const { DataLoader, decodeImage, ImageError } = await import(
  new URL('../dist/index.js', import.meta.url).href
);
process.removeAllListeners('warning');
const fixtures = new URL('../test/fixtures/', import.meta.url);
const { files } = JSON.parse(
  gunzipSync(readFileSync(new URL('data/nasty-images.json.gz', fixtures))).toString(),
);
const modes = new URL('images/modes/', fixtures);
const seeds = [
  ...Object.entries(files).flatMap(([name, { data }]) => (isJpeg(name) ? [Buffer.from(data, 'base64')] : [])),
  ...readdirSync(modes).flatMap((name) => (isJpeg(name) ? [readFileSync(new URL(name, modes))] : [])),
];
const BATCH = 32;
/** Keeps honest sizes, so that a case takes milliseconds. */
const MOST_PIXELS = 2_000_000;

function isJpeg(name) {
  return /\.jpe?g$/.test(name);
}

let state = Number(values.seed);
const random = (below) => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
};

function damaged() {
  let bytes = Buffer.from(seeds[random(seeds.length)]);
  for (let left = random(5); left >= 0 && bytes.length > 4; left--) {
    const at = random(random(2) ? bytes.length : Math.min(700, bytes.length));
    const kind = random(8);
    if (kind < 5) bytes[at] = kind < 4 ? random(256) : 255;
    else if (kind === 5) bytes = bytes.subarray(0, at + 1);
    else if (kind === 6) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + random(9))]);
    else bytes = Buffer.concat([bytes.subarray(0, at), Buffer.of(random(256)), bytes.subarray(at)]);
  }
  return bytes;
}

async function expected(bytes) {
  try {
    return await decodeImage(bytes, { maxPixels: MOST_PIXELS });
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    return error;
  }
}

const counts = { equal: 0, refused: 0, large: 0, wrong: 0 };

function compare(found, wanted, bytes) {
  if (wanted.code === 'ERR_IMAGE_TOO_LARGE') counts.large++;
  else if (wanted instanceof ImageError && found instanceof ImageError) counts.refused++;
  else if (!(wanted instanceof Error) && !(found instanceof Error) && found.equal(wanted)) counts.equal++;
  else {
    counts.wrong++;
    console.log(
      `${found.message ?? found.shape}, expected ${wanted.message ?? wanted.shape}\n${bytes.toString('base64')}`,
    );
  }
}

for (let done = 0; done < Number(values.cases); done += BATCH) {
  const cases = Array.from({ length: BATCH }, damaged);
  const wanted = await Promise.all(cases.map(expected));
  const kept = cases.map((_, i) => i).filter((i) => wanted[i].code !== 'ERR_IMAGE_TOO_LARGE');
  counts.large += cases.length - kept.length;
  const imageRecord = (i) => ({
    source: cases[kept[i]],
    transform: undefined,
    sample: (image) => image,
    failed: (error) => error,
  });
  const loader = new DataLoader(
    { length: kept.length, get: (i) => wanted[kept[i]], imageRecord },
    { batchSize: BATCH, numWorkers: 2, collateFn: (batch) => batch },
  );
  for await (const batch of loader) {
    for (const [i, found] of batch.entries()) compare(found, wanted[kept[i]], cases[kept[i]]);
  }
}
console.log(
  `${values.cases} cases: ${Object.entries(counts)
    .map(([kind, count]) => `${count} ${kind}`)
    .join(', ')}`,
);
process.exit(counts.wrong > 0 ? 1 : 0);
