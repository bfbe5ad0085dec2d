import { readFileSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';

/** Of an epoch, as a line of `metrics.jsonl`. Figures as the run has them, `epoch` from 1. */
export interface EpochRecord {
  readonly epoch: number;
  /** Steps of the optimizer since the beginning. */
  readonly step: number;
  readonly lr: number;
  readonly train: Readonly<Record<string, number | null>>;
  readonly val: Readonly<Record<string, number | null>>;
  readonly isBest: boolean;
  readonly seconds: number;
  readonly imagesPerSecond: number;
  /** Which part of the time was spent waiting for data. */
  readonly dataShare: number;
  /** Resident memory of the process at the end of the epoch, in MB. */
  readonly memoryMB?: number;
  /** Images that could not be read and were left out. */
  readonly unreadable?: { readonly train: number; readonly val: number };
}

/** On what a run, or a part of it, was done: a line of `environment.jsonl`. */
export type Environment = Readonly<Record<string, string | number | boolean | null>>;

/** What a run's folder tells. */
export interface RunRecord {
  readonly name: string;
  readonly folder: string;
  readonly epochs: readonly EpochRecord[];
  /** All options; empty where there is no `config.yaml`. */
  readonly config: Readonly<Record<string, unknown>>;
  /** One for each time that the run was started. */
  readonly environments: readonly Environment[];
}

/**
 * Reads the logs of a run: `metrics.jsonl`, `config.yaml` and `environment.jsonl`.
 *
 * @throws RangeError for a folder without `metrics.jsonl`, or with lines that are none of it
 */
export async function readRun(folder: string): Promise<RunRecord> {
  const path = join(folder, 'metrics.jsonl');
  const lines = textOf(path);
  if (lines === undefined)
    throw new RangeError(
      `Expected the folder of a run, with metrics.jsonl in it, got ${folder}${statSync(folder, { throwIfNoEntry: false }) ? '' : ', which is not there'}`,
    );
  return {
    name: basename(resolve(folder)),
    folder,
    epochs: jsonLines<EpochRecord>(lines, path, isEpoch),
    config: await configOf(folder),
    environments: jsonLines(textOf(join(folder, 'environment.jsonl')) ?? '', path, isRecord),
  };
}

async function configOf(folder: string): Promise<Record<string, unknown>> {
  const path = join(folder, 'config.yaml');
  if (textOf(path) === undefined) return {};
  const { parse } = await import('yaml');
  return (parse(textOf(path) as string) ?? {}) as Record<string, unknown>;
}

/** A process that was killed may have left a part of a line at the end. */
function jsonLines<T>(text: string, path: string, fits: (value: unknown) => boolean): T[] {
  const lines = text.split('\n').slice(0, -1);
  return lines.map((line, index) => {
    const value = parsed(line);
    if (fits(value)) return value as T;
    throw new RangeError(
      `Expected what a run logs in line ${index + 1} of ${path}, got ${line.slice(0, 60)}`,
    );
  });
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

const isRecord = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);
const isEpoch = (value: unknown) =>
  isRecord(value) && Number.isInteger((value as EpochRecord).epoch) && isRecord((value as EpochRecord).train);

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}
