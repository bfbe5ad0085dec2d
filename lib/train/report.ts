import { checkPositions, checkText } from '../options.ts';
import type { RunRecord } from './report/run-folder.ts';

/**
 * Reads the logs of a run of `ibn-net train`: `metrics.jsonl`, `config.yaml` and `environment.jsonl` of its folder.
 *
 * @throws RangeError for a folder without `metrics.jsonl`, or with lines that are none of it
 */
export async function readRun(folder: string): Promise<RunRecord> {
  checkPositions('readRun', arguments, 1);
  checkText('readRun', 'a folder', folder);
  const { readRun: read } = await import('./report/run-folder.ts');
  return await read(folder);
}

/** One page of HTML that shows runs beside each other, as `ibn-net report` does; it needs no other file and no network. */
export async function reportPage(runs: readonly RunRecord[], title: string): Promise<string> {
  checkPositions('reportPage', arguments, 2);
  checkText('reportPage', 'a title', title);
  const { reportPage: page } = await import('./report/report-page.ts');
  return await page(runs, title);
}
