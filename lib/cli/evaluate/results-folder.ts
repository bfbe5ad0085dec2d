import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomically } from '../../atomic-file.ts';
import { barPlot, plotSvg } from '../../plot/index.ts';
import type { CorruptionErrors } from './corruption-errors.ts';
import type { Evaluation, NetworkResult } from './evaluation.ts';
import { asJson } from './report.ts';

/** Writes all that came out: one JSON file, and for each network tables that spreadsheets open. */
export async function writeResults(folder: string, evaluation: Evaluation): Promise<void> {
  await mkdir(folder, { recursive: true });
  const put = (name: string, text: string) =>
    writeAtomically(join(folder, name), (sink) => sink(Buffer.from(text)));
  if (evaluation.results.length > 1) put('comparison.svg', await comparisonSvg(evaluation));
  put('evaluation.json', `${JSON.stringify(asJson(evaluation), null, 1)}\n`);
  for (const result of evaluation.results) {
    put(`${result.name}-classes.csv`, classesCsv(result));
    put(`${result.name}-confusion.csv`, confusionCsv(result));
    if (result.corruptions !== undefined)
      put(`${result.name}-corruptions.csv`, corruptionsCsv(result.corruptions));
  }
}

/** Top-1 errors of the networks, beside each other under each condition. */
async function comparisonSvg({ results }: Evaluation): Promise<string> {
  const bars = results.flatMap(({ name, conditions, corruptions }) => [
    ...conditions.map(({ condition, summary }) => ({ group: condition, name, value: summary.top1Error })),
    ...(corruptions?.kinds ?? []).map(({ corruption, meanError }) => ({
      group: corruption,
      name,
      value: meanError,
    })),
  ]);
  return await plotSvg(barPlot(bars, { title: 'top-1 error (%)' }));
}

function classesCsv({ conditions: [{ perClass }] }: NetworkResult): string {
  const rows = perClass.map((one, index) => [
    index,
    one.class,
    one.samples,
    one.top1 ?? '',
    one.top5 ?? '',
    one.mistakenFor?.class ?? '',
    one.mistakenFor?.samples ?? '',
  ]);
  return csv([['index', 'class', 'samples', 'top1', 'top5', 'most_mistaken_for', 'times'], ...rows]);
}

/** Rows are true classes, columns what they were taken for. */
function confusionCsv({ classes, conditions: [{ confusion }] }: NetworkResult): string {
  return csv([['', ...classes], ...confusion.map((row, index) => [classes[index] as string, ...row])]);
}

function corruptionsCsv({ kinds }: CorruptionErrors): string {
  const rows = kinds.flatMap(({ corruption, severities }) =>
    severities.map(({ severity, samples, top1Error, top5Error }) => [
      corruption,
      severity,
      samples,
      top1Error,
      top5Error ?? '',
    ]),
  );
  return csv([['corruption', 'severity', 'samples', 'top1_error', 'top5_error'], ...rows]);
}

function csv(rows: readonly (readonly (string | number)[])[]): string {
  return rows.map((row) => `${row.map(cell).join(',')}\n`).join('');
}

function cell(value: string | number): string {
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
