// Safetensors files: the header's numbers, names and punctuation are edited, and the length fixed or not.
import { edgeNumber, editBytes } from './random.mjs';

const NAMES = [
  'F32',
  'F64',
  'I8',
  'U8',
  'BOOL',
  'C64',
  'BF16',
  'F8_E4M3',
  'F4',
  'F6_E2M3',
  'X',
  '__metadata__',
  'dtype',
  'shape',
  'data_offsets',
  '__proto__',
  'constructor',
  '',
];
const TOKENS = [
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '""',
  '0',
  '-1',
  '1e3',
  '1.5',
  'null',
  'true',
  ' '.repeat(1000),
  '\\u0041',
  '{}',
  '[]',
  '"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},',
  '[[[[',
  '"\\ud800"',
  '\t',
  '\u0001',
];

/** One case from a whole file. */
export function editSafetensors(bytes, random) {
  if (random.chance(0.15)) return editBytes(bytes, random);
  const length = Number(bytes.readBigUInt64LE(0));
  let text = bytes.toString('utf8', 8, 8 + length);
  for (let edits = 1 + random.below(3); edits > 0; edits--) text = editText(text, random);
  const data = random.chance(0.85)
    ? bytes.subarray(8 + length)
    : editBytes(bytes.subarray(8 + length), random);
  const header = Buffer.from(text, random.chance(0.95) ? 'utf8' : 'latin1');
  const claim = random.chance(0.9) ? BigInt(header.length) : edgeNumber(random, BigInt(header.length));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt.asUintN(64, claim));
  return Buffer.concat([size, header, data]);
}

function editText(text, random) {
  const kind = random.unit();
  if (kind < 0.35)
    return replaceOne(text, /\d+/g, (digits) => `${edgeNumber(random, BigInt(digits))}`, random);
  if (kind < 0.6) return replaceOne(text, /"[^"]*"/g, () => `"${random.pick(NAMES)}"`, random);
  if (kind < 0.75)
    return replaceOne(
      text,
      /"[^"]*":\{[^}]*\},?/g,
      (entry) => (random.chance(0.5) ? '' : `${entry},${entry}`),
      random,
    );
  const at = random.below(text.length + 1);
  if (kind < 0.9) return text.slice(0, at) + random.pick(TOKENS) + text.slice(at);
  return text.slice(0, at) + text.slice(at + 1 + random.below(8));
}

function replaceOne(text, pattern, change, random) {
  const found = [...text.matchAll(pattern)];
  if (found.length === 0) return text;
  const { 0: old, index } = random.pick(found);
  return text.slice(0, index) + change(old) + text.slice(index + old.length);
}
