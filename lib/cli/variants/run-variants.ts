import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as studies from '../../studies/index.ts';
import { checkForm, claimFolder, readForm } from '../claim-folder.ts';
import { StopSignals } from '../stop-signals.ts';
import type { TrainStreams } from '../train/train.ts';
import { STOPPED } from '../train/train-options.ts';
import { runInProcess, startRun } from './child-run.ts';
import {
  checkPossible,
  formOf,
  jobsOf,
  planRuns,
  toldForm,
  type VariantRun,
  type VariantsForm,
  type VariantsOptions,
} from './form.ts';
import { variantsText, writeVariantsReport } from './report.ts';
import { resultPath, trainVariant, type VariantResult } from './train-variant.ts';

/** What a sweep gave. */
export interface Sweep {
  /** Of the networks that were asked for. */
  readonly results: readonly VariantResult[];
  readonly planned: number;
  /** 0, or 75 where a signal ended it. */
  readonly code: number;
}

/**
 * Trains every variant that is asked for and not there yet, and reports.
 *
 * @returns the exit code: 0, or 75 where a signal ended the sweep before its last run
 */
export async function runVariants(
  options: VariantsOptions,
  streams: TrainStreams = process,
): Promise<number> {
  if (options.run !== undefined) return await runInProcess(options, options.run);
  const names = options.variant ?? Object.keys(studies.VARIANTS);
  const { results, planned, code } = await sweep(options, names, streams);
  if (options.json) streams.stdout.write(`${JSON.stringify({ results, planned })}\n`);
  else streams.stdout.write(variantsText(results, planned));
  return code;
}

/** Trains what is missing. The report in the folder is of all results that are there then, whoever asked for them. */
export async function sweep(
  options: VariantsOptions,
  names: readonly string[],
  streams: TrainStreams,
): Promise<Sweep> {
  const { output, report = false } = options;
  const runs = planRuns(names, options.seeds ?? (report ? seedsIn(output) : 3));
  const form = report ? reported(options) : claimed(options);
  const open = report ? [] : runs.filter(({ id }) => !existsSync(resultPath(output, id)));
  const code = await work(options, form, open, (text) => streams.stderr.write(`${text}\n`));
  const all = resultsIn(output);
  const ids = new Set(runs.map(({ id }) => id));
  await writeVariantsReport(output, form, all, new Set([...ids, ...all.map(({ id }) => id)]).size);
  return { results: all.filter(({ id }) => ids.has(id)), planned: runs.length, code };
}

function claimed(options: VariantsOptions): VariantsForm {
  const form = formOf(options);
  checkPossible(form);
  claimFolder(options.output, form);
  return form;
}

/** A report is of the folder's own form; what is told of it besides must be the same. */
function reported(options: VariantsOptions): VariantsForm {
  const form = readForm<VariantsForm>(options.output);
  checkForm(options.output, toldForm(form, options));
  return form;
}

/** All results of a folder, seeds outermost, in the order of the variants. */
function resultsIn(output: string): VariantResult[] {
  const folder = join(output, 'runs');
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.json')) : [];
  const order = Object.keys(studies.VARIANTS);
  return files
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as VariantResult)
    .sort((a, b) => a.seed - b.seed || order.indexOf(a.variant) - order.indexOf(b.variant));
}

const seedsIn = (output: string) => Math.max(1, ...resultsIn(output).map(({ seed }) => seed + 1));

/** Works through the queue, several at once in processes of their own, which share no random numbers. */
async function work(
  options: VariantsOptions,
  form: VariantsForm,
  queue: VariantRun[],
  told: (text: string) => void,
): Promise<number> {
  if (queue.length === 0) return 0;
  const jobs = jobsOf(options);
  const stop = new StopSignals((name) => told(`${name}: ending after the step under way`));
  let left = queue.length;
  told(`${left} networks to train`);
  const { output, cache } = options;
  const take = async () => {
    for (let run = queue.shift(); run !== undefined && !stop.signal.aborted; run = queue.shift()) {
      const isDone =
        jobs === 1
          ? await trainVariant(output, form, run, { signal: stop.signal, cache })
          : await startRun(options, run, stop.signal);
      if (isDone) told(`${run.id} is done, ${--left} to go`);
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: jobs }, take));
  stop.release();
  const failed = ended.find(({ status }) => status === 'rejected');
  if (failed !== undefined) throw (failed as PromiseRejectedResult).reason;
  return left === 0 ? 0 : STOPPED;
}
