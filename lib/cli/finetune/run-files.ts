import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { writeAtomically } from '../../atomic-file.ts';
import type { Contestant, FinetuneRun } from './form.ts';

/** Where the result of a run is. */
export const resultPath = (output: string, id: string): string => join(output, 'runs', `${id}.json`);

/** Where the figure of a network before any training is. */
export const beforePath = (output: string, name: string): string =>
  join(output, 'runs', `${name}-before.json`);

export function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(path, 'utf8')) as T;
}

export function writeJson(path: string, value: unknown): void {
  writeAtomically(path, (sink) => sink(Buffer.from(`${JSON.stringify(value, null, 1)}\n`)));
}

/**
 * Results are found by the name of a network, which two files may have.
 *
 * @throws RangeError for results of another file
 */
export function checkCheckpoints(
  output: string,
  networks: readonly Contestant[],
  runs: readonly FinetuneRun[],
): void {
  for (const { name, checkpoint } of networks) checkCheckpoint(beforePath(output, name), checkpoint);
  for (const { id, checkpoint } of runs) checkCheckpoint(resultPath(output, id), checkpoint);
}

function checkCheckpoint(path: string, checkpoint: string): void {
  if (!existsSync(path)) return;
  const { checkpoint: had } = readJson<Contestant>(path);
  if (resolve(had) === resolve(checkpoint)) return;
  throw new RangeError(
    `Expected --checkpoint ${had}, which ${path} is of, got ${checkpoint}; pass another name, NAME=FILE, or another --output`,
  );
}

/** @throws RangeError where the file has been written anew since it was measured */
export function checkContent(path: string, checkpoint: string, sha256: string): void {
  const { sha256: had } = readJson<{ sha256: string }>(path);
  if (had === sha256) return;
  throw new RangeError(
    `Expected for --checkpoint the file that ${path} is of, got ${checkpoint} with other bytes; pass another name, NAME=FILE, or another --output`,
  );
}
