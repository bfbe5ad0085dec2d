import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeAtomically } from '../../atomic-file.ts';
import type { EpochReport } from '../../train/index.ts';

/** Of an epoch, as a line of `metrics.jsonl`. Figures in per cent, `epoch` from 1. */
export interface EpochRecord {
  readonly epoch: number;
  readonly step: number;
  readonly lr: number;
  readonly train: Readonly<Record<string, number>>;
  readonly val: Readonly<Record<string, number>>;
  readonly isBest: boolean;
  readonly seconds: number;
  readonly imagesPerSecond: number;
  /** Which part of the time was spent waiting for images. */
  readonly dataShare: number;
  /** Images that could not be read and were left out. */
  readonly unreadable: { readonly train: number; readonly val: number };
}

const COLUMNS = ['Learning Rate', 'Train Loss', 'Valid Loss', 'Train Acc.', 'Valid Acc.'];
const HEAD = COLUMNS.map((name) => `${name}\t`).join('');

/** `log.txt` in the published script's format, with top-1 as accuracy, and `metrics.jsonl`. */
export class RunLogs {
  readonly #folder: string;
  readonly #log: string;
  readonly #metrics: string;

  constructor(folder: string) {
    this.#folder = folder;
    this.#log = join(folder, 'log.txt');
    this.#metrics = join(folder, 'metrics.jsonl');
  }

  /** Leaves the lines of so many epochs: what was logged behind the checkpoint is done again. */
  cut(epochs: number): void {
    mkdirSync(this.#folder, { recursive: true });
    const rows = linesOf(this.#log).filter((line) => line !== HEAD);
    replace(this.#log, [HEAD, ...rows.slice(0, epochs)]);
    const records = linesOf(this.#metrics).filter((line) => epochOf(line) <= epochs);
    replace(this.#metrics, records);
  }

  add(report: EpochReport, record: EpochRecord): void {
    const { lr, train, val = {} } = report;
    const row = [lr, train.loss, val.loss, train.top1, val.top1].map(
      (value) => `${Number(value).toFixed(6)}\t`,
    );
    appendFileSync(this.#log, `${row.join('')}\n`);
    appendFileSync(this.#metrics, `${JSON.stringify(record)}\n`);
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
