import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeAtomically } from '../../atomic-file.ts';
import type { TrainStreams } from '../train/train.ts';
import { STOPPED } from '../train/train-options.ts';
import {
  type Contestant,
  claimFolder,
  contestantsOf,
  type FinetuneForm,
  type FinetuneOptions,
  type FinetuneRun,
  planRuns,
} from './form.ts';
import { finetuneText, writeFinetuneReport } from './report.ts';

/** What is fine-tuned: classifiers, or networks for segmentation. */
export interface FinetuneTask {
  /** The figure of a run, in per cent. */
  readonly figure: 'top1' | 'mIoU';
  /** Of the network on the target as it is. */
  before(network: Contestant): Promise<number>;
  /** Puts a share of the training images, and all to evaluate, below a folder; how many of the former. */
  choose(place: string, run: FinetuneRun): number;
  /** Trains, or goes on; the exit code. */
  train(run: FinetuneRun, place: string, output: string, streams: TrainStreams): Promise<number>;
}

/** What came of one run. */
export interface FinetuneResult extends FinetuneRun {
  /** Training images. */
  readonly images: number;
  /** Behind the last epoch, in per cent. */
  readonly figure: number;
  /** The best of all epochs, which is chosen by the images it is measured on. */
  readonly best: number;
  /** Processor time of the last process that worked at it, in seconds. */
  readonly cpuSeconds: number;
}

/** All that a report tells. */
export interface FinetuneReport {
  readonly form: FinetuneForm;
  readonly figure: FinetuneTask['figure'];
  readonly planned: number;
  /** Before any training, by network. */
  readonly before: Readonly<Record<string, number>>;
  readonly results: readonly FinetuneResult[];
}

/** Trains what is missing and reports. @returns the exit code: 0, or 75 where a signal ended the sweep */
export async function runFinetune(
  task: FinetuneTask,
  form: FinetuneForm,
  options: FinetuneOptions,
  streams: TrainStreams,
): Promise<number> {
  const { output, report = false } = options;
  const networks = contestantsOf(options.checkpoint);
  const runs = planRuns(networks, options);
  claimFolder(output, form);
  const before = await beforeTraining(task, networks, output);
  let code = 0;
  for (const [i, run] of report ? [] : runs.entries()) {
    if (existsSync(resultPath(output, run.id))) continue;
    code = await finetune(task, run, output, streams);
    if (code !== 0) break;
    streams.stderr.write(`${run.id} is done, ${i + 1} of ${runs.length}\n`);
  }
  const results = runs
    .map(({ id }) => resultPath(output, id))
    .filter(existsSync)
    .map((path) => JSON.parse(readFileSync(path, 'utf8')) as FinetuneResult);
  const all = { form, figure: task.figure, planned: runs.length, before, results };
  await writeFinetuneReport(output, all);
  streams.stdout.write(options.json ? `${JSON.stringify(all)}\n` : finetuneText(all));
  return code;
}

const resultPath = (output: string, id: string) => join(output, 'runs', `${id}.json`);
const writeJson = (path: string, value: unknown) =>
  writeAtomically(path, (sink) => sink(Buffer.from(`${JSON.stringify(value, null, 1)}\n`)));

/** Measured once for each network. */
async function beforeTraining(
  task: FinetuneTask,
  networks: readonly Contestant[],
  output: string,
): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const network of networks) {
    const path = join(output, 'runs', `${network.name}-before.json`);
    if (!existsSync(path)) writeJson(path, { ...network, figure: await task.before(network) });
    found[network.name] = JSON.parse(readFileSync(path, 'utf8')).figure as number;
  }
  return found;
}

/** One run, from its newest checkpoint if there is one; its result is whole, or there is none. */
async function finetune(
  task: FinetuneTask,
  run: FinetuneRun,
  output: string,
  { stderr }: TrainStreams,
): Promise<number> {
  const began = process.cpuUsage();
  const [place, folder] = [join(output, 'images', run.id), join(output, 'networks', run.id)];
  const images = task.choose(place, run);
  const quiet = { stdout: { write: (text: string) => stderr.write(text) }, stderr };
  const code = await task.train(run, place, folder, quiet);
  if (code === STOPPED) return STOPPED;
  if (code !== 0) throw new Error(`${run.id} ended with exit status ${code}; its message is above`);
  const figures = epochsOf(folder).flatMap(({ val }) => val?.[task.figure] ?? []);
  const { user, system } = process.cpuUsage(began);
  const result: FinetuneResult = {
    ...{ ...run, images },
    figure: figures.at(-1) as number,
    best: Math.max(...figures),
    cpuSeconds: (user + system) / 1e6,
  };
  writeJson(resultPath(output, run.id), result);
  rmSync(place, { recursive: true });
  return 0;
}

interface Epoch {
  readonly val?: Readonly<Record<string, number>>;
}

const epochsOf = (folder: string): Epoch[] =>
  readFileSync(join(folder, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Epoch);
