import { cpus } from 'node:os';
import { join } from 'node:path';
import { writeAtomically } from '../../atomic-file.ts';
import { barPlot, figuresHtml, type Html, linePlot, pageHtml, plotSvg, tableHtml } from '../../plot/index.ts';
import * as studies from '../../studies/index.ts';
import { textTable } from '../../text-table.ts';
import { otherDomain } from './domains.ts';
import type { VariantsForm } from './form.ts';
import { FIG_5, type VariantResult } from './train-variant.ts';

const TABLES: [string, studies.PublishedTable][] = Object.entries(studies.PAPER_TABLES);

/** A row of figures: one variant, its conditions in the order of the runs. */
interface Row {
  readonly name: string;
  readonly published: number;
  readonly measured: readonly (studies.Sample | undefined)[];
}

const conditionsOf = (results: readonly VariantResult[]) => [
  ...new Set(results.flatMap(({ errors }) => Object.keys(errors))),
];

/** Rows of a table that were measured. */
export function rowsOf(table: studies.PublishedTable, results: readonly VariantResult[]): Row[] {
  const conditions = conditionsOf(results);
  return table.rows.flatMap(({ name, variant, errors }) => {
    const runs = results.filter((run) => run.variant === studies.networkOf(variant));
    if (runs.length === 0) return [];
    const measured = conditions.map((condition) => {
      const values = runs.flatMap((run) => run.errors[condition] ?? []);
      return values.length === 0 ? undefined : studies.sampleOf(values);
    });
    return [{ name, published: errors.origin as number, measured }];
  });
}

/** Mean and deviation, `-` where nothing was measured. */
export const shown = (sample: studies.Sample | undefined, digits = 1): string =>
  sample === undefined
    ? '-'
    : `${sample.mean.toFixed(digits)}${sample.sd === null ? '' : ` ± ${sample.sd.toFixed(digits)}`}`;

const signed = (value: number) => `${value >= 0 ? '+' : ''}${value.toFixed(2)}`;

/** Tables and claims as text. */
export function variantsText(
  results: readonly VariantResult[],
  planned: number,
  tables: readonly (readonly [string, studies.PublishedTable])[] = TABLES,
): string {
  const conditions = conditionsOf(results);
  const parts = tables.flatMap(([, table]) => {
    const rows = rowsOf(table, results);
    if (rows.length < 2) return [];
    const head = ['variant', 'paper', ...conditions];
    const lines = rows.map(({ name, published, measured }) => [
      name,
      published.toFixed(2),
      ...measured.map((sample) => shown(sample)),
    ]);
    return [
      `${table.title}: top-1 error in per cent, mean and deviation over seeds`,
      ...textTable([head, ...lines], new Set(head.slice(1))),
      ...claimLines(table, results),
      '',
    ];
  });
  return [...parts, `${results.length} of ${planned} networks`, ''].join('\n');
}

const CLAIM_HEAD = ['claim', 'paper', 'here', 'verdict'];

function claimRows(table: studies.PublishedTable, results: readonly VariantResult[]): string[][] {
  return studies
    .judgeClaims(table, results, otherDomain(results))
    .map(({ claim, published, measured, verdict }) => [
      claim.text,
      signed(published),
      measured === undefined
        ? '-'
        : `${signed(measured.mean)}${measured.sd === null ? '' : ` ± ${measured.sd.toFixed(2)}`}`,
      verdict,
    ]);
}

const claimLines = (table: studies.PublishedTable, results: readonly VariantResult[]) => [
  '',
  ...textTable([CLAIM_HEAD, ...claimRows(table, results)], new Set(['paper', 'here'])),
  ...styleLine(table, results),
];

/** Which domain "another style" is, where a table has one. */
function styleLine({ claims }: studies.PublishedTable, results: readonly VariantResult[]): string[] {
  const { Monet } = otherDomain(results);
  if (Monet === undefined || !claims.some(({ condition }) => condition === 'Monet')) return [];
  return [`"Another style" is Monet in the paper, and ${Monet} here`];
}

/** Writes results.json, results.csv, variants.svg, divergence.svg and report.html. */
export async function writeVariantsReport(
  output: string,
  form: VariantsForm,
  results: readonly VariantResult[],
  planned: number,
): Promise<void> {
  const write = (name: string, text: string) =>
    writeAtomically(join(output, name), (sink) => sink(Buffer.from(text)));
  const processor = cpus()[0]?.model.trim() ?? 'unknown';
  write('results.json', `${JSON.stringify({ form, processor, planned, results }, null, 1)}\n`);
  write('results.csv', csvOf(results));
  if (results.length === 0) return;
  const [bars, lines] = [await barsOf(results), await linesOf(results)];
  write('variants.svg', bars);
  write('divergence.svg', lines);
  write('report.html', page(form, processor, results, planned, [bars, lines]));
}

function csvOf(results: readonly VariantResult[]): string {
  const rows = results.flatMap(({ variant, seed, parameters, errors, samples }) =>
    Object.entries(errors).map(([name, error]) =>
      [variant, seed, parameters, name, samples[name], error].join(','),
    ),
  );
  return `variant,seed,parameters,condition,samples,top1_error\n${rows.map((line) => `${line}\n`).join('')}`;
}

async function barsOf(results: readonly VariantResult[]): Promise<string> {
  const conditions = conditionsOf(results);
  const bars = [...new Set(results.map(({ variant }) => variant))].flatMap((variant) =>
    conditions.flatMap((name) => {
      const values = results.flatMap((run) => (run.variant === variant ? (run.errors[name] ?? []) : []));
      return values.length === 0 ? [] : [{ group: variant, name, value: studies.sampleOf(values).mean }];
    }),
  );
  return await plotSvg(barPlot(bars, { title: 'top-1 error (%), means over seeds', y: 'error', width: 720 }));
}

/** Divergences of the three networks of Fig. 5 by depth, means over seeds. */
async function linesOf(results: readonly VariantResult[]): Promise<string> {
  const lines = FIG_5.flatMap((variant) => {
    const runs = results.filter((run) => run.variant === variant);
    const features = runs[0]?.divergences?.features ?? [];
    return (['appearance', 'content'] as const).flatMap((kind) => {
      const points = features.flatMap((_, depth): [number, number][] => {
        const values = runs.flatMap((run) => run.divergences?.[kind]?.[depth] ?? []);
        return values.length === 0 ? [] : [[depth + 1, studies.sampleOf(values).mean]];
      });
      return points.length === 0 ? [] : [{ name: variant, kind, points }];
    });
  });
  return await plotSvg(linePlot(lines, { title: 'Divergence by depth', x: 'feature', y: 'divergence' }));
}

function page(
  form: VariantsForm,
  processor: string,
  results: readonly VariantResult[],
  planned: number,
  [bars = '', lines = '']: readonly string[],
): string {
  const conditions = conditionsOf(results);
  const tables = TABLES.flatMap(([, table]): [string, ...Html[]][] => {
    const rows = rowsOf(table, results);
    if (rows.length < 2) return [];
    const cells = rows.map(({ name, published, measured }) => [
      name,
      published,
      ...measured.map((sample) => shown(sample)),
    ]);
    return [
      [
        table.title,
        tableHtml(['variant', 'paper, ImageNet', ...conditions], cells),
        tableHtml(CLAIM_HEAD, claimRows(table, results)),
      ],
    ];
  });
  const seconds = results.reduce((sum, run) => sum + run.cpuSeconds, 0);
  const facts = Object.entries({
    ...form,
    'in place of Monet': otherDomain(results).Monet ?? 'none',
    processor,
    networks: `${results.length} of ${planned}`,
    'processor time': `${Math.round(seconds)} s`,
  });
  return pageHtml('Variants of IBN-Net', [
    [
      'Top-1 error by variant, divergence by depth',
      figuresHtml([
        { svg: bars, label: 'top-1 errors of the variants under each condition' },
        { svg: lines, label: 'divergence of domains and of classes by depth' },
      ]),
    ],
    ...tables,
    [
      'How it was done',
      tableHtml(
        ['option', 'value'],
        facts.map(([name, value]) => [name, String(value)]),
      ),
    ],
  ]);
}
