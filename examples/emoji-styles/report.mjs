// Tables of the study and a plot: results.md, results.csv, results.json, results.svg.
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { VARIANTS } from './plan.mjs';
import { drawGains } from './plot.mjs';

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Of a sample: n - 1. Null for one value. */
function deviation(values) {
  if (values.length < 2) return null;
  const middle = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1));
}

const summary = (values) => ({ mean: mean(values), sd: deviation(values), runs: values.length });

/**
 * A row for each test of each fold: mean and deviation over seeds of every network's top-1, and of its difference to the plain
 * network of the same seed, which has the same images, order and split.
 */
export function rowsOf(results) {
  const folds = [...new Set(results.map(({ part, fold }) => `${part} ${fold}`))];
  return folds.flatMap((name) => {
    const runs = results.filter(({ part, fold }) => `${part} ${fold}` === name);
    const tests = [...new Set(runs.flatMap((run) => Object.keys(run.tests)))];
    return tests.map((test) => rowOf(runs, test));
  });
}

function rowOf(runs, test) {
  const [{ part, fold }] = runs;
  const top1Of = (variant, seed) =>
    runs.find((run) => run.variant === variant && run.seed === seed)?.tests[test]?.top1;
  const seeds = [...new Set(runs.map(({ seed }) => seed))];
  const samples = mean(runs.filter((run) => run.tests[test]).map((run) => run.tests[test].samples));
  const row = { part, fold, test, samples: Math.round(samples) };
  for (const variant of Object.keys(VARIANTS)) {
    const values = seeds.map((seed) => top1Of(variant, seed)).filter((value) => value !== undefined);
    if (values.length === 0) continue;
    const pairs = seeds
      .map((seed) => top1Of(variant, seed) - top1Of('plain', seed))
      .filter((value) => !Number.isNaN(value));
    row[variant] = {
      ...summary(values),
      ...(variant === 'plain' || pairs.length === 0 ? {} : { overPlain: summary(pairs) }),
    };
  }
  return row;
}

const withDeviation = ({ mean: middle, sd }, sign = false) =>
  `${sign && middle >= 0 ? '+' : ''}${middle.toFixed(1)}${sd === null ? '' : ` ± ${sd.toFixed(1)}`}`;

const TITLES = {
  styles: (fold) => `Styles never seen: without ${fold}`,
  shading: (fold) => `Shading alone: trained on ${fold}`,
  fashion: () => 'Fashion-MNIST under shifts',
};

/** Pairs of a title and the rows of one fold. */
function sectionsOf(rows) {
  const names = [...new Set(rows.map(({ part, fold }) => `${part} ${fold}`))];
  return names.map((name) => {
    const some = rows.filter(({ part, fold }) => `${part} ${fold}` === name);
    const [{ part, fold }] = some;
    const seeds = Math.max(...some.flatMap((row) => Object.keys(VARIANTS).map((key) => row[key]?.runs ?? 0)));
    return [`${TITLES[part](fold)}, ${seeds} seed${seeds === 1 ? '' : 's'}`, some];
  });
}

function markdownOf(sections) {
  return `${sections.map(([title, rows]) => [`### ${title}`, '', ...tableOf(rows)].join('\n')).join('\n\n')}\n`;
}

function tableOf(rows) {
  const lines = rows.map((row) => {
    const cells = Object.keys(VARIANTS).map((variant) => (row[variant] ? withDeviation(row[variant]) : ''));
    const gains = ['ibn_a', 'ibn_b'].map((variant) => {
      const gain = row[variant]?.overPlain;
      return gain ? withDeviation(gain, true) : '';
    });
    return `| ${[row.test, row.samples, ...cells, ...gains].join(' | ')} |`;
  });
  return [
    '| test | images | plain | IBN-a | IBN-b | a over plain | b over plain |',
    '| --- | ---: | ---: | ---: | ---: | ---: | ---: |',
    ...lines,
  ];
}

function csvOf(results) {
  const lines = results.flatMap((run) =>
    Object.entries(run.tests).map(([test, { samples, top1, loss }]) =>
      [run.part, run.fold, run.variant, run.seed, `"${test}"`, samples, top1, loss].join(','),
    ),
  );
  return `part,fold,variant,seed,test,samples,top1,loss\n${lines.join('\n')}\n`;
}

/** Writes tables and plot; gives the table in Markdown. */
export async function writeReport(output, study, results) {
  const rows = rowsOf(results);
  const sections = sectionsOf(rows);
  const table = markdownOf(sections);
  const seconds = results.reduce((sum, run) => sum + run.cpuSeconds, 0);
  const resumed = results.filter(({ isResumed }) => isResumed).length;
  const record = { ...study, done: results.length, resumed, cpuSeconds: Math.round(seconds), rows };
  const files = {
    'results.md': table,
    'results.csv': csvOf(results),
    'results.json': `${JSON.stringify(record, null, 1)}\n`,
  };
  const plot = await drawGains(sections);
  if (plot !== undefined) files['results.svg'] = plot;
  for (const [name, text] of Object.entries(files)) {
    const path = join(output, name);
    writeFileSync(`${path}.tmp`, text);
    renameSync(`${path}.tmp`, path);
  }
  return table;
}
