import { lstatSync, mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { Generator, randperm } from '../../tensor/index.ts';

/**
 * A share of each group, at least one of it, chosen by the seed; a smaller share is part of a larger one.
 *
 * @param limit of all groups together, kept in proportion; null: none
 */
export function chosenOf<T>(
  groups: readonly (readonly T[])[],
  percent: number,
  seed: number,
  limit: number | null,
): T[] {
  const all = groups.reduce((sum, { length }) => sum + length, 0);
  const whole = limit === null ? 1 : Math.min(1, limit / all);
  const generator = new Generator();
  generator.manualSeed(seed);
  return groups.flatMap((group) => {
    if (group.length === 0) return [];
    const order = randperm(group.length, { generator });
    const places = order.toArray<number[]>().map(Number);
    order.dispose();
    const count = Math.max(1, Math.round((group.length * whole * percent) / 100));
    return places.slice(0, count).map((place) => group[place] as T);
  });
}

/** Links files of a root at the same places below another folder. Links that are there stay. */
export function linkFiles(files: readonly string[], root: string, place: string): void {
  for (const file of files) link(file, join(place, relative(resolve(root), resolve(file))));
}

/** One link, to a file or a folder. */
export function link(target: string, path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) symlinkSync(resolve(target), path);
}
