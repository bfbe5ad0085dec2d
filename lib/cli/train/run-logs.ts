import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeAtomically } from '../../atomic-file.ts';
import type { EpochReport, StepReport } from '../../train/index.ts';
import { EventFile } from '../../train/logs/event-file.ts';
import type { EpochRecord } from '../../train/report/run-folder.ts';
import { environmentNow } from './environment.ts';

const COLUMNS = ['Learning Rate', 'Train Loss', 'Valid Loss', 'Train Acc.', 'Valid Acc.'];
const HEAD = COLUMNS.map((name) => `${name}\t`).join('');

/** Steps between two figures of the loss for TensorBoard. */
const STEPS = 10;

/**
 * `log.txt` in the published script's format, with top-1 (or another figure) as accuracy; `metrics.jsonl`; `environment.jsonl`, with a line for
 * each start; and event files for TensorBoard.
 */
export class RunLogs {
  readonly #folder: string;
  readonly #log: string;
  readonly #metrics: string;
  readonly #device: string;
  readonly #accuracy: string;
  #events: EventFile | undefined;

  /** @param accuracy the figure of evaluation that stands for accuracy in `log.txt` */
  constructor(folder: string, device: string, accuracy = 'top1') {
    this.#accuracy = accuracy;
    this.#folder = folder;
    this.#device = device;
    this.#log = join(folder, 'log.txt');
    this.#metrics = join(folder, 'metrics.jsonl');
  }

  /** Leaves the lines of so many epochs, and of so many steps: what was logged behind the checkpoint is done again. */
  begin(epochs: number, steps: number): void {
    mkdirSync(this.#folder, { recursive: true });
    const rows = linesOf(this.#log).filter((line) => line !== HEAD);
    replace(this.#log, [HEAD, ...rows.slice(0, epochs)]);
    const records = linesOf(this.#metrics).filter((line) => epochOf(line) <= epochs);
    replace(this.#metrics, records);
    const start = { fromEpoch: epochs + 1, ...environmentNow(this.#device) };
    appendFileSync(join(this.#folder, 'environment.jsonl'), `${JSON.stringify(start)}\n`);
    this.#events = new EventFile(this.#folder, steps > 0 ? steps + 1 : undefined);
  }

  addStep({ step, values }: StepReport): void {
    if (step % STEPS === 0) this.#events?.add(step, { 'loss/step': values.loss as number });
  }

  add(report: EpochReport, record: EpochRecord): void {
    const { lr, train, val = {} } = report;
    const row = [lr, train.loss, val.loss, train.top1, val[this.#accuracy]].map(
      (value) => `${Number(value).toFixed(6)}\t`,
    );
    appendFileSync(this.#log, `${row.join('')}\n`);
    appendFileSync(this.#metrics, `${JSON.stringify(record)}\n`);
    const { imagesPerSecond, dataShare, memoryMB = 0 } = record;
    const scalars = (of: Readonly<Record<string, number>>, kind: string) =>
      Object.fromEntries(Object.entries(of).map(([name, value]) => [`${name}/${kind}`, value]));
    this.#events?.add(report.step, {
      ...scalars(train, 'train'),
      ...scalars(val, 'val'),
      lr,
      imagesPerSecond,
      dataShare,
      memoryMB,
    });
  }
}

/** Whole lines: a process that was killed may have left a part of one. */
function linesOf(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n').slice(0, -1);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function epochOf(line: string): number {
  try {
    return Number(JSON.parse(line).epoch);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

function replace(path: string, lines: readonly string[]): void {
  writeAtomically(path, (sink) => sink(Buffer.from(lines.map((line) => `${line}\n`).join(''))));
}
