// Writes docs/pytorch.md from the names of PyTorch (scripts/pytorch/names.json), what the package exports, and the
// recorded cases (test/fixtures/nn/modules). Prints it instead with --stdout (the test compares).
//   npm run build && node scripts/gen/pytorch-doc.mjs [--stdout]
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import * as ibn from '../../dist/index.js';
import { toCamelCase } from '../../dist/ops/naming.js';
import { SECTIONS } from '../pytorch/sections.mjs';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const { torch, spaces } = JSON.parse(readFileSync(join(root, 'scripts/pytorch/names.json'), 'utf8'));
const fixtures = join(root, 'test/fixtures/nn');
const modules = readdirSync(join(fixtures, 'modules')).map((file) => join(fixtures, 'modules', file));
// Without the lazy ones; module-db.test.ts holds the number.
const TYPES_OF_MODULE_DB = 108;
const counts = {
  nn: countCases(modules),
  'nn.functional': countCases([join(fixtures, 'functions.json.gz')]),
};

function casesIn(files) {
  return files.flatMap((file) => JSON.parse(gunzipSync(readFileSync(file)).toString('utf8')).cases);
}

/** How many cases under each name are compared with PyTorch's figures. */
function countCases(files) {
  const found = {};
  for (const { name } of casesIn(files)) found[name] = (found[name] ?? 0) + 1;
  return found;
}

/** How many types have cases of PyTorch's own tests. */
function countTypes() {
  const own = casesIn(modules).filter((entry) => !entry.case.startsWith('extra'));
  return new Set(own.map(({ name }) => name)).size;
}

const ours = (place) =>
  place.split('.').reduce((object, name) => (name === '' ? object : object?.[name]), ibn) ?? {};

function row({ space, here: place = space, camelCase, absent }, name) {
  const here = camelCase ? toCamelCase(name) : name;
  if (typeof ours(place)[here] === 'function') {
    return `| \`${name}\` | \`${place === '' ? '' : `${place}.`}${here}\` | ${counts[space]?.[name] ?? ''} |`;
  }
  const reason = absent.find(([names]) => names.test(name))?.[1];
  return `| \`${name}\` | not here${reason === undefined ? '' : `: ${reason}`} | |`;
}

function section(entry) {
  const names = spaces[entry.space];
  const count = names.filter((name) => !row(entry, name).includes('| not here')).length;
  return [
    `## ${entry.title}`,
    '',
    `${entry.text} ${count} of ${names.length} are here.`,
    '',
    '| PyTorch | here | cases compared |',
    '|---|---|---|',
    ...names.map((name) => row(entry, name)),
    '',
  ];
}

const text = [
  '# PyTorch, name for name',
  '',
  `What PyTorch ${torch} has, and what it is called here. Written by \`scripts/gen/pytorch-doc.mjs\`.`,
  '',
  'Arguments that PyTorch requires stand in its order. The others go by name, in camelCase, into one object in the last',
  'place. Where PyTorch requires none, all but the switches may stand in its order too: `new nn.LeakyReLU(0.1)`,',
  '`nn.functional.hardtanh(x, 0, 6)`; `new nn.LeakyReLU({ negativeSlope: 0.1 })` is the same. So may those of losses, behind',
  'their inputs: `nn.functional.crossEntropy(x, y, weight)`. What stands where nothing reads it is an error. A number that',
  'PyTorch declares as a float prints as one: `LeakyReLU(negative_slope=1.0)`.',
  '',
  'Cases compared are those of PyTorch’s own tests (`module_db`) and some of ours (`scripts/modules`), in float32: initial',
  'weights bit for bit under a seed, outputs and gradients of inputs and parameters within 1e-5, and the printed form. Of the',
  `${TYPES_OF_MODULE_DB} types of \`module_db\` (without the lazy ones) ${countTypes()} are compared, in all their cases but those of`,
  'LinearCrossEntropyLoss in chunks. What a function and its layer share is compared with the layer.',
  '',
  ...SECTIONS.flatMap(section),
].join('\n');

if (process.argv.includes('--stdout')) process.stdout.write(text);
else writeFileSync(join(root, 'docs/pytorch.md'), text);
