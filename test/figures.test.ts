import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from './helpers/index.ts';

interface Row {
  name: string;
  medians: Record<string, number>;
  ratios: Record<string, number>;
}

const read = (path: string) => readFileSync(join(root, path), 'utf8');
const readme = read('README.md').replaceAll(/\s+/g, ' ');

function result(file: string): { rows: Row[]; bars: { name: string; ratio: number; share: number }[] } {
  return JSON.parse(read(`bench/results/${file}.json`));
}

/** A row of a result by its name. */
function row(file: string, name: string): Row {
  const found = result(file).rows.find((one) => one.name === name);
  if (found === undefined) throw new Error(`Expected a row "${name}" in ${file}.json, got none`);
  return found;
}

const ms = (value = Number.NaN) => Math.round(value).toLocaleString('en');
const ratio = (value = Number.NaN) => value.toFixed(2);
const three = (each: (batch: string) => string) => ['b1', 'b8', 'b32'].map(each).join(' / ');
const bar = (file: string, name: string) => result(file).bars.find((one) => one.name === name);
const peers = (network: string) =>
  three((batch) => ratio(bar('compile-latency', `${network} ${batch}`)?.ratio));
const resnet50 = (batch: string, of: string) => row('compile-latency', `resnet50_ibn_a ${batch} ${of}`);

const python = row('first-logits', 'Python torch');
const mapped = row('first-logits', 'ibn-net, skipInit + assign (as hub.load)');
const plain = row('first-logits', 'ibn-net');
const load = row('load-time', 'import ibn-net');
const calls = row('call-overhead', 'ibn-net').ratios;
const eager = row('eager-latency', 'resnet50_ibn_a b1 ibn-net eager');

/** What README says, and the record that says so. */
const FIGURES: [file: string, text: string][] = [
  [
    'first-logits',
    `| ${ms(mapped.medians.total)} ms (${ms(plain.medians.total)} ms with random initial weights) | ${Math.round(python.medians.total as number)} ms | ${ratio(mapped.ratios.total)} (${ratio(plain.ratios.total)}) |`,
  ],
  [
    'load-time',
    `| ${ms(load.medians.load)} ms | ${Math.round(row('load-time', 'Python: import torch').medians.load as number)} ms | ${ratio(load.ratios.load)} |`,
  ],
  ['call-overhead', `| ${ratio(calls.add)}; ${ratio(calls.add_disposed)} |`],
  ['call-overhead', `| ${ratio(calls.view)}, ${ratio(calls.sum)} |`],
  [
    'eager-latency',
    `| ${ms(eager.medians.ms)} ms | ${ms(eager.medians.PyTorch)} ms | ${ratio(eager.ratios.PyTorch)} |`,
  ],
  [
    'compile-latency',
    `| ${three((batch) => ms(resnet50(batch, 'ibn-net compiled').medians.ms))} ms | ${three((batch) => ms(resnet50(batch, 'PyTorch eager').medians.ms))} ms | ${three((batch) => ratio(resnet50(batch, 'ibn-net compiled').ratios['PyTorch eager']))} |`,
  ],
  ...['resnet18_ibn_a', 'resnet101_ibn_a', 'se_resnet101_ibn_a', 'densenet121_ibn_a', 'resnext101_ibn_a'].map(
    (network): [string, string] => ['compile-latency', `${network} ${peers(network)}`],
  ),
  [
    'compile-conv-share',
    `${ratio(bar('compile-conv-share', 'resnet50_ibn_a b8 float32')?.share)} of the convolution peak`,
  ],
  ['serving', `${row('serving', 'ibn-net compiled, micro-batching').medians['requests/s']} answers a second`],
  [
    'memory-loop',
    `${ms(row('memory-loop', 'synchronous loop').medians.peakMB)} MB resident in a synchronous loop, ${ms(row('memory-loop', 'event-loop turns').medians.peakMB)} MB across event-loop turns`,
  ],
];

describe("README's figures", () => {
  it.each(FIGURES)('are those of bench/results/%s.json: %s', (_, text) => {
    expect(readme).toContain(text);
  });

  it('of the package are those of its record', () => {
    const { sizes, firstResults } = JSON.parse(read('bench/results/package.json'));
    const [{ seconds }] = firstResults;
    for (const text of [
      `a tarball of ${sizes.tarballMB.toFixed(1)} MB, ${sizes.packageMB.toFixed(1)} MB unpacked, ${ms(sizes.installedMB)} MB with what it depends on`,
      `From an empty folder to a first result: ${ms(seconds.emptyCache.total)} s with libtorch's wheel on the same disk, ${ms(seconds.libtorchInCache.total)} s with libtorch in the cache`,
    ]) {
      expect(readme).toContain(text);
    }
  });
});
