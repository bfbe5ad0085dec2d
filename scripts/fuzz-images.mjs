// Gives decodeImage damaged copies of the images of test/fixtures: each must end with pixels or an ImageError, soon and in
// little memory. Prints what happened; ends with 1 at anything else. Needs a build.
//   node scripts/fuzz-images.mjs [--cases 100000] [--seed 1]
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';

const { values } = parseArgs({
  options: { cases: { type: 'string', default: '100000' }, seed: { type: 'string', default: '1' } },
});
const { decodeImage, ImageError } = await import(new URL('../dist/index.js', import.meta.url).href);
const fixture = new URL('../test/fixtures/data/nasty-images.json.gz', import.meta.url);
const { files } = JSON.parse(gunzipSync(readFileSync(fixture)).toString());
const seeds = Object.entries(files).map(([name, { data }]) => [name, Buffer.from(data, 'base64')]);
process.removeAllListeners('warning');

/** Keeps honest sizes, so that a case takes milliseconds; the limit itself has tests. */
const MAX_PIXELS = 2_000_000;
const AT_ONCE = 4;

let state = Number(values.seed);
const random = (below) => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
};

function damaged(seed) {
  let bytes = Buffer.from(seed);
  for (let left = random(5); left >= 0 && bytes.length > 0; left--) {
    const at = random(random(2) ? bytes.length : Math.min(64, bytes.length));
    const kind = random(8);
    if (kind < 4) bytes[at] = random(256);
    else if (kind < 6) bytes[at] = kind === 4 ? 0 : 255;
    else if (kind === 6) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + random(9))]);
    else bytes = Buffer.concat([bytes.subarray(0, at), Buffer.of(random(256)), bytes.subarray(at)]);
  }
  return bytes;
}

const counts = { decoded: 0, refused: 0, wrong: 0 };
const worst = { ms: 0, name: '' };

async function tryOne() {
  const [name, seed] = seeds[random(seeds.length)];
  const bytes = damaged(seed);
  const start = performance.now();
  try {
    const image = await decodeImage(bytes, { maxPixels: MAX_PIXELS });
    image.dispose();
    counts.decoded++;
  } catch (error) {
    if (error instanceof ImageError) counts.refused++;
    else {
      counts.wrong++;
      console.log(`${name}: ${error.stack}\n${bytes.toString('base64')}`);
    }
  }
  const ms = performance.now() - start;
  if (ms > worst.ms) Object.assign(worst, { ms, name });
}

let left = Number(values.cases);
const work = async () => {
  while (left-- > 0) await tryOne();
};
await Promise.all(Array.from({ length: AT_ONCE }, work));
const memory = Math.round(process.resourceUsage().maxRSS / 1024);
console.log({ ...counts, slowest: `${worst.name}, ${worst.ms.toFixed(0)} ms`, 'peak memory, MB': memory });
process.exitCode = counts.wrong > 0 ? 1 : 0;
