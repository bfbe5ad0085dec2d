import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { hashFile } from '../../net/part-file.ts';
import { checkForm, claimFolder } from '../claim-folder.ts';
import { requireDevice } from '../train/run-folder.ts';
import type { TrainStreams } from '../train/train.ts';
import { STOPPED } from '../train/train-options.ts';
import {
  type Contestant,
  contestantsOf,
  type FinetuneForm,
  type FinetuneOptions,
  type FinetuneRun,
  FORM_WORDS,
  planRuns,
} from './form.ts';
import { finetuneText, writeFinetuneReport } from './report.ts';
import { beforePath, checkCheckpoints, checkContent, readJson, resultPath, writeJson } from './run-files.ts';

/** What is fine-tuned: classifiers, or networks for segmentation. */
export interface FinetuneTask {
  /** The figure of a run, in per cent. */
  readonly figure: 'top1' | 'mIoU';
  /** Refuses a network that cannot be trained as it is, before anything is written. */
  check(network: Contestant): void;
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
  if (report) checkForm(output, form, FORM_WORDS);
  else checkPossible(task, networks, form);
  checkCheckpoints(output, networks, runs);
  claimFolder(output, form, FORM_WORDS);
  if (!report) await measureBefore(task, networks, output);
  const code = report ? 0 : await finetuneAll(task, runs, output, streams);
  const before = Object.fromEntries(networks.flatMap(({ name }) => figureBefore(output, name)));
  const results = runs
    .map(({ id }) => resultPath(output, id))
    .filter(existsSync)
    .map((path) => readJson<FinetuneResult>(path));
  const all = { form, figure: task.figure, planned: runs.length, before, results };
  await writeFinetuneReport(output, all);
  streams.stdout.write(options.json ? `${JSON.stringify(all)}\n` : finetuneText(all));
  return code;
}

/** A folder is claimed when all is there that its runs need. */
function checkPossible(task: FinetuneTask, networks: readonly Contestant[], { device }: FinetuneForm): void {
  requireDevice(device);
  for (const network of networks) task.check(network);
}

/** Once for each network. */
async function measureBefore(
  task: FinetuneTask,
  networks: readonly Contestant[],
  output: string,
): Promise<void> {
  for (const network of networks) {
    const path = beforePath(output, network.name);
    const sha256 = await hashFile(network.checkpoint);
    if (existsSync(path)) checkContent(path, network.checkpoint, sha256);
    else writeJson(path, { ...network, sha256, figure: await task.before(network) });
  }
}

function figureBefore(output: string, name: string): [string, number][] {
  const path = beforePath(output, name);
  return existsSync(path) ? [[name, readJson<{ figure: number }>(path).figure]] : [];
}

/** What is not done yet. @returns the exit code: 0, or 75 where a signal ended it */
async function finetuneAll(
  task: FinetuneTask,
  runs: readonly FinetuneRun[],
  output: string,
  streams: TrainStreams,
): Promise<number> {
  for (const [i, run] of runs.entries()) {
    if (existsSync(resultPath(output, run.id))) {
      removeImages(output, run); // of a run that was killed when its result was written
      continue;
    }
    const code = await finetune(task, run, output, streams);
    if (code !== 0) return code;
    streams.stderr.write(`${run.id} is done, ${i + 1} of ${runs.length}\n`);
  }
  return 0;
}

const imagesOf = (output: string, { id }: FinetuneRun): string => join(output, 'images', id);
const removeImages = (output: string, run: FinetuneRun): void =>
  rmSync(imagesOf(output, run), { recursive: true, force: true });

/** One run, from its newest checkpoint if there is one; its result is whole, or there is none. */
async function finetune(
  task: FinetuneTask,
  run: FinetuneRun,
  output: string,
  { stderr }: TrainStreams,
): Promise<number> {
  const began = process.cpuUsage();
  const [place, folder] = [imagesOf(output, run), join(output, 'networks', run.id)];
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
  removeImages(output, run);
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
