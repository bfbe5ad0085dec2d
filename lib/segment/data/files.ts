import { statSync } from 'node:fs';
import { listFiles } from '../../data/datasets/folder-listing.ts';
import { DatasetError } from '../../data/errors.ts';
import { fsEncode, joinPath } from '../../data/fs-path.ts';
import { hasExtension, READABLE_EXTENSIONS } from '../../data/image-extensions.ts';

/** Whether there is such a folder. */
export function isFolder(path: string): boolean {
  return statSync(fsEncode(path), { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** The first of `candidates` in `root` that is a folder with all of `wanted`. @throws DatasetError naming what was looked for */
export function findRoot(
  name: string,
  root: string,
  candidates: readonly string[],
  wanted: readonly string[],
): string {
  const places = candidates.map((candidate) => (candidate === '.' ? root : joinPath(root, candidate)));
  const found = places.find((place) => wanted.every((folder) => isFolder(joinPath(place, folder))));
  if (found !== undefined) return found;
  const missing = wanted.filter((folder) => !isFolder(joinPath(root, folder)));
  throw new DatasetError(
    `Expected the folders ${wanted.join(' and ')} of ${name} in ${root}, got no ${missing.join(', no ')}; unpack them there`,
    { code: 'ERR_DATASET_NOT_FOUND', path: root },
  );
}

/** Files below a folder whose names end so, by their paths in it, in an order of their own. */
export function filesIn(folder: string, isWanted: (path: string) => boolean): string[] {
  return listFiles(folder, isWanted).map((path) => path.slice(folder.length + 1));
}

/** Whether a file is of a format that is read. */
export const isImage = (path: string): boolean => hasExtension(path, READABLE_EXTENSIONS);

/** `a, b, c (+2)`. */
export function named(names: readonly string[]): string {
  return `${names.slice(0, 3).join(', ')}${names.length > 3 ? ` (+${names.length - 3})` : ''}`;
}

/** Refuses images without a mask, or masks without an image. */
export function refuseUnpaired(what: string, names: readonly string[], folder: string, advice: string): void {
  if (names.length === 0) return;
  throw new DatasetError(`Expected ${what} in ${folder}, got none for ${named(names)}; ${advice}`, {
    code: 'ERR_DATASET_UNPAIRED',
    path: folder,
  });
}
