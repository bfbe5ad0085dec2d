import { cpus } from 'node:os';
import { join } from 'node:path';
import { writeAtomically } from '../../atomic-file.ts';
import { figuresHtml, linePlot, pageHtml, plotSvg, tableHtml } from '../../plot/index.ts';
import * as studies from '../../studies/index.ts';
import { textTable } from '../../text-table.ts';
import type { FinetuneReport, FinetuneResult } from './sweep.ts';

const NAMES = { top1: 'top-1 accuracy (%)', mIoU: 'mean IoU (%)' } as const;

const sharesOf = (results: readonly FinetuneResult[]) =>
  [...new Set(results.map(({ share }) => share))].sort((a, b) => a - b);

function sampleOf(
  results: readonly FinetuneResult[],
  network: string,
  share: number,
): studies.Sample | undefined {
  const values = results.flatMap((run) =>
    run.network === network && run.share === share ? [run.figure] : [],
  );
  return values.length === 0 ? undefined : studies.sampleOf(values);
}

const shown = (sample: studies.Sample | undefined): string =>
  sample === undefined
    ? '-'
    : `${sample.mean.toFixed(2)}${sample.sd === null ? '' : ` ± ${sample.sd.toFixed(2)}`}`;

/** A row for each network: before, and each share. */
function tableOf({ before, results }: FinetuneReport): { head: string[]; rows: string[][] } {
  const shares = sharesOf(results);
  const head = ['network', '0 %', ...shares.map((share) => `${share} %`)];
  const rows = Object.entries(before).map(([network, figure]) => [
    network,
    figure.toFixed(2),
    ...shares.map((share) => shown(sampleOf(results, network, share))),
  ]);
  return { head, rows };
}

/** The table as text. */
export function finetuneText(report: FinetuneReport): string {
  const { head, rows } = tableOf(report);
  return [
    `${NAMES[report.figure]} behind the last epoch, mean and deviation over seeds, by share of the target trained on`,
    ...textTable([head, ...rows], new Set(head.slice(1))),
    `${report.results.length} of ${report.planned} runs`,
    '',
  ].join('\n');
}

/** Writes results.json, results.csv, finetune.svg and report.html. */
export async function writeFinetuneReport(output: string, report: FinetuneReport): Promise<void> {
  const write = (name: string, text: string) =>
    writeAtomically(join(output, name), (sink) => sink(Buffer.from(text)));
  const processor = cpus()[0]?.model.trim() ?? 'unknown';
  write('results.json', `${JSON.stringify({ ...report, processor }, null, 1)}\n`);
  write('results.csv', csvOf(report));
  const svg = await plotSvg(plotOf(report));
  write('finetune.svg', svg);
  write('report.html', page(report, processor, svg));
}

function csvOf({ before, results, figure }: FinetuneReport): string {
  const rows = [
    ...Object.entries(before).map(([network, value]) => [network, 0, '', 0, value, value]),
    ...results.map((run) => [run.network, run.share, run.seed, run.images, run.figure, run.best]),
  ];
  return [`network,share,seed,images,${figure},best_${figure}`, ...rows.map((row) => row.join(',')), ''].join(
    '\n',
  );
}

function plotOf({ before, results, figure }: FinetuneReport) {
  const lines = Object.entries(before).map(([name, value]) => ({
    name,
    points: [
      [0, value] as const,
      ...sharesOf(results).flatMap((share) => {
        const sample = sampleOf(results, name, share);
        return sample === undefined ? [] : [[share, sample.mean] as const];
      }),
    ],
  }));
  return linePlot(lines, { x: 'share of the target (%)', y: NAMES[figure], width: 560, height: 300 });
}

function page(report: FinetuneReport, processor: string, svg: string): string {
  const { head, rows } = tableOf(report);
  const { form, results, planned, figure } = report;
  const seconds = results.reduce((sum, run) => sum + run.cpuSeconds, 0);
  const facts = {
    ...form,
    processor,
    runs: `${results.length} of ${planned}`,
    'processor time': `${Math.round(seconds)} s`,
  };
  const runs = results.map(({ network, share, seed, images, figure: last, best }) =>
    [network, share, seed, images, last.toFixed(2), best.toFixed(2)].map(String),
  );
  return pageHtml('Fine-tuning on shares of the target', [
    [
      `${NAMES[figure]} by share`,
      figuresHtml([
        { svg, label: `${NAMES[figure]} of each network by the share of the target that it was trained on` },
      ]),
      tableHtml(head, rows),
    ],
    ['Runs', tableHtml(['network', 'share (%)', 'seed', 'images', 'last epoch', 'best epoch'], runs)],
    [
      'How it was done',
      tableHtml(
        ['option', 'value'],
        Object.entries(facts).map(([name, value]) => [name, String(value ?? '-')]),
      ),
    ],
  ]);
}
