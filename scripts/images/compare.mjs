// Reads a folder of images that reference.py made and compares decodeImage with Pillow, file by file: equal, or refused by
// one of us with a reason, or AVIF within its tolerance. Names what is different and ends with 1 if anything is.
//   npm run build && python scripts/images/reference.py /tmp/images --fuzz 5000 && node scripts/images/compare.mjs /tmp/images [--refused]
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { refused: { type: 'boolean' } },
});
const folder = positionals[0];
if (folder === undefined)
  throw new TypeError('Expected a folder made by reference.py; see the head of this file');
const { decodeImage, ImageError } = await import(new URL('../../dist/index.js', import.meta.url).href);
process.removeAllListeners('warning');

/** Largest mean difference of AVIF, whose colours another library interpolates. */
const AVIF_MEAN = 2;

const { files } = JSON.parse(readFileSync(join(folder, 'reference.json'), 'utf8'));
const counts = new Map();
for (const [name, pillow] of Object.entries(files)) {
  const [verdict, detail] = judge(pillow, await decode(join(folder, name)));
  const key = `${verdict.padEnd(28)} ${name.startsWith('fuzz') ? 'damaged' : 'made'}`;
  counts.set(key, (counts.get(key) ?? 0) + 1);
  if (verdict === 'DIFFERENT' || (values.refused && verdict === 'refused here'))
    console.log(`${name}: ${detail}`);
}
for (const [key, count] of [...counts].sort()) console.log(String(count).padStart(6), key);
process.exitCode = [...counts.keys()].some((key) => key.startsWith('DIFFERENT')) ? 1 : 0;

async function decode(path) {
  try {
    const image = await decodeImage(path);
    const pixels = image.permute([1, 2, 0]).contiguous();
    const read = { size: image.shape.slice(1), pixels: Buffer.from(pixels.data()) };
    pixels.dispose();
    image.dispose();
    return read;
  } catch (error) {
    if (error instanceof ImageError) return { refused: error.message.slice(path.length + 2) };
    return { wrong: error.stack };
  }
}

function judge(pillow, here) {
  if (here.wrong !== undefined) return ['DIFFERENT', `no ImageError: ${here.wrong}`];
  if (pillow.refused !== undefined)
    return [here.refused === undefined ? 'refused by Pillow' : 'refused by both'];
  if (here.refused !== undefined) return ['refused here', `(${pillow.kind}) ${here.refused}`];
  if (String(here.size) !== String(pillow.size))
    return ['DIFFERENT', `${here.size}, in Pillow ${pillow.size}`];
  if (createHash('sha256').update(here.pixels).digest('hex') === pillow.sha256) return ['equal'];
  if (pillow.pixels === undefined) return ['DIFFERENT', `pixels (${pillow.kind})`];
  const mean = meanDifference(here.pixels, Buffer.from(pillow.pixels, 'base64'));
  return mean <= AVIF_MEAN ? ['AVIF, nearly equal'] : ['DIFFERENT', `AVIF, by ${mean.toFixed(2)} on average`];
}

function meanDifference(a, b) {
  return a.reduce((sum, value, at) => sum + Math.abs(value - b[at]), 0) / a.length;
}
