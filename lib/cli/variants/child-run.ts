import { spawn } from 'node:child_process';
import * as studies from '../../studies/index.ts';
import { readForm } from '../claim-folder.ts';
import { StopSignals } from '../stop-signals.ts';
import { STOPPED } from '../train/train-options.ts';
import { MOST_SEEDS, planRuns, type VariantRun, type VariantsForm, type VariantsOptions } from './form.ts';
import { trainVariant } from './train-variant.ts';

/**
 * This command once more, for one run.
 *
 * @returns false where `signal` ended it
 */
export async function startRun(
  { output, cache }: VariantsOptions,
  { id }: VariantRun,
  signal: AbortSignal,
): Promise<boolean> {
  const args = [
    ...[...process.execArgv, process.argv[1] as string, 'variants', '--output', output, '--run', id],
    ...['--parent', String(process.pid)],
    ...(cache === undefined ? [] : ['--cache', cache]),
  ];
  // A group of its own: Ctrl-C in a terminal reaches this process alone, which tells its runs once.
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, OMP_NUM_THREADS: '1' },
    detached: true,
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

/**
 * One run of a folder, as {@link startRun} starts it. It ends when the process does that started it.
 *
 * @returns the exit code
 */
export async function runInProcess(
  { output, cache, parent = process.ppid }: VariantsOptions,
  id: string,
): Promise<number> {
  const run = planRuns(Object.keys(studies.VARIANTS), MOST_SEEDS).find((each) => each.id === id);
  if (run === undefined) throw new RangeError(`Expected a run of a sweep for --run, got "${id}"`);
  const stop = new StopSignals(() => {});
  // Another sweep may be at work on the same run when the one that began this was killed.
  const onStep = () => {
    if (process.ppid !== parent) process.exit(1);
  };
  const how = { signal: stop.signal, onStep, cache };
  const isDone = await trainVariant(output, readForm<VariantsForm>(output), run, how);
  stop.release();
  return isDone ? 0 : STOPPED;
}
