// Runs contestants in turn, each in a fresh process, and compares them by the median of paired ratios.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { arch, cpus, loadavg, platform, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { processor, processorName } from './processor.mjs';

const here = dirname(fileURLToPath(import.meta.url));
export const root = dirname(here);

/** A Python with torch for the peers: the PYTHON variable, else python3. */
export const python = process.env.PYTHON ?? 'python3';

export const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

/** Runs a command that prints one JSON object on its last line. */
function measure({ command, args, env = {} }) {
  const result = spawnSync(command, args, { encoding: 'utf8', env: { ...process.env, ...env }, cwd: root });
  if (result.status !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${result.stderr}`);
  return JSON.parse(result.stdout.trim().split('\n').pop());
}

/**
 * Interleaves the contestants `rounds` times. Each run gives an object of numbers; the first contestant is the
 * baseline of the ratios (below 1 means less than the baseline).
 */
export function compare(contestants, rounds) {
  const runs = Object.fromEntries(contestants.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const contestant of contestants) runs[contestant.name].push(measure(contestant));
  }
  const [baseline] = contestants;
  return contestants.map(({ name }) => {
    const keys = Object.keys(runs[name][0]);
    const medians = Object.fromEntries(
      keys.map((key) => [key, rounded(median(runs[name].map((run) => run[key])))]),
    );
    const ratios = Object.fromEntries(
      keys
        .filter((key) => runs[baseline.name][0][key] !== undefined)
        .map((key) => [
          key,
          rounded(median(runs[name].map((run, i) => run[key] / runs[baseline.name][i][key]))),
        ]),
    );
    return { name, medians, ratios, runs: runs[name] };
  });
}

/** To four digits. */
export const rounded = (value) => (value === undefined ? undefined : Number(value.toPrecision(4)));

function versions() {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const script = 'import torch, json; print(json.dumps({"torch": torch.__version__}))';
  const peer = spawnSync(python, ['-c', script], { encoding: 'utf8' });
  return {
    'ibn-net': version,
    node: process.version,
    python: peer.status === 0 ? JSON.parse(peer.stdout) : null,
  };
}

/** Where a record stands: bench/results/<processor>/<name>.json, or in another folder of bench/results. */
export const recordPath = (name, folder = processorName) => join(here, 'results', folder, `${name}.json`);

/** Prints a table and writes the record of this processor. */
export function report(name, question, rows, notes = {}, folder = processorName) {
  const machine = {
    ...processor,
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${platform()}-${arch()}`,
    loadBefore: loadavg()[0],
  };
  const result = {
    question,
    date: new Date().toISOString().slice(0, 10),
    machine,
    versions: versions(),
    ...notes,
    rows,
  };
  const path = recordPath(name, folder);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(result, null, 1)}\n`);
  console.log(question);
  console.table(
    Object.fromEntries(
      rows.map((row) => [
        row.name,
        {
          ...row.medians,
          ...Object.fromEntries(Object.entries(row.ratios ?? {}).map(([k, v]) => [`x ${k}`, v])),
        },
      ]),
    ),
  );
}
