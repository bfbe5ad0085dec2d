import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import * as studies from '../../studies/index.ts';
import { StopSignals } from '../stop-signals.ts';
import type { TrainStreams } from '../train/train.ts';
import { STOPPED } from '../train/train-options.ts';
import { claimFolder, formOf, planRuns, readForm, type VariantRun, type VariantsOptions } from './form.ts';
import { variantsText, writeVariantsReport } from './report.ts';
import { resultPath, trainVariant, type VariantResult } from './train-variant.ts';

/** What a sweep gave. */
export interface Sweep {
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
  if (options.run !== undefined) return await runOne(options.output, options.run);
  const names = options.variant ?? Object.keys(studies.VARIANTS);
  const { results, planned, code } = await sweep(options, names, streams);
  await writeVariantsReport(options.output, readForm(options.output), results, planned);
  if (options.json) streams.stdout.write(`${JSON.stringify({ results, planned })}\n`);
  else streams.stdout.write(variantsText(results, planned));
  return code;
}

/** Trains what is missing; gives all results that are there then. */
export async function sweep(
  options: VariantsOptions,
  names: readonly string[],
  streams: TrainStreams,
): Promise<Sweep> {
  const { output, seeds, jobs, report = false } = options;
  const runs = planRuns(names, seeds);
  claimFolder(output, formOf(options));
  const open = report ? [] : runs.filter(({ id }) => !existsSync(resultPath(output, id)));
  const told = (text: string) => streams.stderr.write(`${text}\n`);
  const code = await work(output, open, jobs, told);
  const results = runs
    .map(({ id }) => resultPath(output, id))
    .filter(existsSync)
    .map((path) => JSON.parse(readFileSync(path, 'utf8')) as VariantResult);
  return { results, planned: runs.length, code };
}

/** Works through the queue, several at once in processes of their own, which share no random numbers. */
async function work(
  output: string,
  queue: VariantRun[],
  jobs: number,
  told: (text: string) => void,
): Promise<number> {
  if (queue.length === 0) return 0;
  const stop = new StopSignals((name) => told(`${name}: ending after the step under way`));
  let left = queue.length;
  told(`${left} networks to train`);
  const take = async () => {
    for (let run = queue.shift(); run !== undefined && !stop.signal.aborted; run = queue.shift()) {
      const isDone =
        jobs === 1
          ? await trainVariant(output, readForm(output), run, { signal: stop.signal })
          : await start(output, run, stop.signal);
      if (isDone) told(`${run.id} is done, ${--left} to go`);
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: jobs }, take));
  stop.release();
  const failed = ended.find(({ status }) => status === 'rejected');
  if (failed !== undefined) throw (failed as PromiseRejectedResult).reason;
  return left === 0 ? 0 : STOPPED;
}

/** This command once more, for one run. */
async function start(output: string, { id }: VariantRun, signal: AbortSignal): Promise<boolean> {
  const args = [...process.execArgv, process.argv[1] as string, 'variants', '--output', output, '--run', id];
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, OMP_NUM_THREADS: '1' },
  });
  const end = () => child.kill('SIGTERM');
  signal.addEventListener('abort', end);
  const code = await new Promise<number | null>((resolve, fail) => {
    child.on('error', fail);
    child.on('exit', resolve);
  }).finally(() => signal.removeEventListener('abort', end));
  if (code === 0) return true;
  if (code === STOPPED || signal.aborted) return false;
  throw new Error(`${id} ended with exit status ${code}; its message is above`);
}

async function runOne(output: string, id: string): Promise<number> {
  const run = planRuns(Object.keys(studies.VARIANTS), 1000).find((each) => each.id === id);
  if (run === undefined) throw new RangeError(`Expected a run of a sweep for --run, got "${id}"`);
  const parent = process.ppid;
  const stop = new StopSignals(() => {});
  // Another sweep may be at work on the same run when the one that began this was killed.
  const onStep = () => {
    if (process.ppid !== parent) process.exit(1);
  };
  const isDone = await trainVariant(output, readForm(output), run, { signal: stop.signal, onStep });
  stop.release();
  return isDone ? 0 : STOPPED;
}
