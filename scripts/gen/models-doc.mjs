// Writes docs/models.md from the registry and bench/results/parity.json. Prints it instead with --stdout (the test
// compares). With --measure the figures of parity.json are taken first, which takes minutes.
//   npm run build && node scripts/gen/models-doc.mjs [--measure | --stdout]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { models, nn } from '../../dist/index.js';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const RESULTS = join(root, 'bench', 'results', 'parity.json');
const NAMES = models.listModels();
const isIbn = (name) => /_ibn_[ab]$/.test(name);

/** Errors that the IBN-Net README gives for the plain networks it compares with; no files of them were published. */
const README_PLAIN = {
  densenet121: [24.96, 7.85],
  densenet169: [24.02, 7.06],
  resnet18: [30.24, 10.92],
  resnet34: [26.7, 8.58],
  resnet50: [24.27, 7.08],
  resnet101: [22.48, 6.23],
  resnext101_32x4d: [21.31, 5.74],
  se_resnet101: [21.68, 5.88],
};

/** Runs the parity tests over every model, and counts each one's work. */
function measure() {
  const folder = mkdtempSync(join(tmpdir(), 'ibn-net-parity-'));
  const report = join(folder, 'parity.json');
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const env = { ...process.env, IBN_NET_FULL_PARITY: '1', IBN_NET_PARITY_REPORT: report };
  const args = [vitest, 'run', 'test/models/parity.slow.test.ts'];
  const { status } = spawnSync(process.execPath, args, { cwd: root, env, stdio: 'inherit' });
  const { torchVersion, cpuCapability, models: found } = JSON.parse(readFileSync(report, 'utf8'));
  rmSync(folder, { recursive: true });
  const rows = Object.fromEntries(NAMES.map((name) => [name, { ...found[name], ...size(name) }]));
  const date = new Date().toISOString().slice(0, 10);
  const machine = { cpu: cpus()[0]?.model, cpuCapability };
  writeFileSync(RESULTS, `${JSON.stringify({ date, machine, torchVersion, models: rows }, null, 1)}\n`);
  if (status !== 0) throw new Error('Some parity tests failed; parity.json has the figures all the same');
}

function size(name) {
  const model = nn.utils.skipInit(() => models.getModel(name));
  const { parameters, macs, publishedMacs } = models.summary(model, [1, 3, 224, 224]);
  return { parameters, keys: model.stateDict().size, macs, publishedMacs };
}

const count = (value) => value.toLocaleString('en-US');
const millions = (value) =>
  (value / 1e6).toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const small = (value) => (value === undefined ? '' : value === 0 ? '0' : value.toExponential(0));
const yesNo = (value) => (value === undefined ? '' : value ? 'yes' : 'no');
const pair = ([top1, top5]) => `${top1.toFixed(2)} / ${top5.toFixed(2)}`;

function errorText(name) {
  const weights = models.publishedWeights[name];
  if (weights === undefined) return README_PLAIN[name] ? pair(README_PLAIN[name]) : '';
  const text = (rates) => pair([rates.top1, rates.top5]);
  const { error, releasedError } = weights;
  return (error ? text(error) : '') + (releasedError ? ` (file: ${text(releasedError)})` : '');
}

function table(header, rows) {
  const widths = header.map((_, i) => Math.max(3, ...[header, ...rows].map((row) => row[i].length)));
  const line = (row) => `| ${row.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |`;
  return [
    line(header),
    `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`,
    ...rows.map(line),
  ].join('\n');
}

function sizes(names, results) {
  const header = [
    'model',
    'parameters',
    'keys',
    'mult-adds (M)',
    'as published (M)',
    'published error',
    'weights',
  ];
  const rows = names.map((name) => {
    const { parameters, keys, macs, publishedMacs } = results[name];
    const file = models.publishedWeights[name]?.file ?? '';
    return [
      name,
      count(parameters),
      String(keys),
      millions(macs),
      millions(publishedMacs),
      errorText(name),
      file,
    ];
  });
  return table(header, rows);
}

function parity(names, results) {
  const header = ['model', 'keys', 'seeded weights', 'logits', 'gradients', 'SGD losses'];
  const rows = names.map((name) => {
    const { sameKeys, sameWeights, logits, gradients, losses } = results[name];
    const cells = [yesNo(sameKeys), yesNo(sameWeights), small(logits), small(gradients)];
    return [name, ...cells, losses === undefined ? '' : losses.map(small).join(', ')];
  });
  return table(header, rows);
}

function document() {
  const { date, machine, torchVersion, models: results } = JSON.parse(readFileSync(RESULTS, 'utf8'));
  const [ibn, plain] = [NAMES.filter(isIbn), NAMES.filter((name) => !isIbn(name))];
  const measured = plain.filter((name) => results[name].sameKeys !== undefined);
  const prose = readFileSync(join(root, 'scripts', 'gen', 'models-doc.md'), 'utf8');
  const fill = {
    IBN_SIZES: sizes(ibn, results),
    PLAIN_SIZES: sizes(plain, results),
    IBN_PARITY: parity(ibn, results),
    PLAIN_PARITY: parity(measured, results),
    MEASURED: `${date}, libtorch ${torchVersion}, ${machine.cpu} with ${machine.cpuCapability}`,
  };
  return prose.replace(/\{\{(\w+)\}\}/g, (_, key) => fill[key]);
}

if (process.argv.includes('--measure')) measure();
if (process.argv.includes('--stdout')) process.stdout.write(document());
else writeFileSync(join(root, 'docs', 'models.md'), document());
