import { type BigIntStats, type Dirent, readdirSync, readlinkSync, statSync } from 'node:fs';
import { DatasetError } from '../errors.ts';
import { byCodePoint, fsDecode, fsEncode, joinPath } from '../fs-path.ts';

/** Whether a file belongs to a data set, by its path. */
export type FileFilter = (path: string) => boolean;

type Kind = 'folder' | 'file' | 'dangling link';

interface Entry {
  readonly name: string;
  readonly path: string;
  readonly kind: Kind;
}

/** Names of the folders in `root`, links to folders and hidden ones too, in Python's order. */
export function listFolders(root: string): string[] {
  const entries = readEntries(root);
  warnOfDangling(
    root,
    entries.filter((entry) => entry.kind === 'dangling link'),
  );
  const folders = entries.filter((entry) => entry.kind === 'folder');
  return folders.map((entry) => entry.name).sort(byCodePoint);
}

/**
 * The files below `folder` that `accept` takes, in the order of torchvision 0.28 (`datasets/folder.py`,
 * `make_dataset`): by folder, then by name, links to folders followed. A dangling link counts as a file, and one that is left out is warned of.
 *
 * @throws DatasetError when a folder cannot be read, or a link leads back to a folder that it lies in
 */
export function listFiles(folder: string, accept: FileFilter): string[] {
  const folders: { path: string; files: Entry[] }[] = [];
  const visit = (path: string, above: readonly string[]): void => {
    const inside = [...above, identityOf(path, above)];
    const entries = readEntries(path);
    folders.push({ path, files: entries.filter((entry) => entry.kind !== 'folder').sort(byName) });
    for (const entry of entries) if (entry.kind === 'folder') visit(entry.path, inside);
  };
  visit(folder, []);
  const files = folders.sort((a, b) => byCodePoint(a.path, b.path)).flatMap((found) => found.files);
  const taken = new Set(files.map((file) => file.path).filter(accept));
  warnOfDangling(
    folder,
    files.filter((file) => file.kind === 'dangling link' && !taken.has(file.path)),
  );
  return [...taken];
}

function byName(a: Entry, b: Entry): number {
  return byCodePoint(a.name, b.name);
}

/** A link that leads nowhere may have been a folder of images, whose absence should not pass unseen. */
function warnOfDangling(folder: string, [first, ...more]: readonly Entry[]): void {
  if (first === undefined) return;
  const others = more.length > 0 ? ` (and ${more.length} more)` : '';
  process.emitWarning(
    `${first.path}${others}: a link that leads nowhere (${targetOf(first.path)}), left out of ${folder}`,
    { code: 'IBN_DATASET_DANGLING_LINK' },
  );
}

function readEntries(folder: string): Entry[] {
  let entries: Dirent<Buffer>[];
  try {
    entries = readdirSync(fsEncode(folder), { encoding: 'buffer', withFileTypes: true });
  } catch (cause) {
    throw unreadable(folder, cause);
  }
  return entries.map((entry) => {
    const name = fsDecode(entry.name);
    const path = joinPath(folder, name);
    const kind = entry.isDirectory() ? 'folder' : entry.isFile() ? 'file' : kindBehind(path);
    return { name, path, kind };
  });
}

/** Follows a link, or asks a file system that tells no types. */
function kindBehind(path: string): Kind {
  try {
    return statSync(fsEncode(path)).isDirectory() ? 'folder' : 'file';
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ELOOP' || code === 'ENOTDIR') return 'dangling link';
    throw unreadable(path, cause);
  }
}

function identityOf(folder: string, above: readonly string[]): string {
  let stats: BigIntStats;
  try {
    stats = statSync(fsEncode(folder), { bigint: true });
  } catch (cause) {
    throw unreadable(folder, cause);
  }
  const identity = `${stats.dev}:${stats.ino}`;
  if (!above.includes(identity)) return identity;
  throw new DatasetError(
    `Expected folders without loops, got ${folder}, a link to a folder that it lies in (${targetOf(folder)}); remove the link`,
    { code: 'ERR_DATASET_LINK_LOOP', path: folder },
  );
}

function targetOf(link: string): string {
  try {
    return fsDecode(readlinkSync(fsEncode(link), { encoding: 'buffer' }));
  } catch {
    return 'a mount of it'; // the same folder again without a link
  }
}

function unreadable(path: string, cause: unknown): DatasetError {
  const { code } = cause as NodeJS.ErrnoException;
  return new DatasetError(`${path}: could not be read (${code}); check its permissions`, {
    code: 'ERR_DATASET_UNREADABLE',
    path,
    cause,
  });
}
