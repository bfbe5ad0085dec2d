import { readdirSync, readFileSync, statSync } from 'node:fs';
import { DatasetError } from '../../data/errors.ts';
import { byCodePoint, fsDecode, fsEncode, joinPath } from '../../data/fs-path.ts';

/** A data set's folder on the disk, and the words for what is missing in it. */
export class Tree {
  readonly root: string;
  readonly #name: string;
  readonly #wanted: readonly string[];

  private constructor(name: string, root: string, wanted: readonly string[]) {
    this.#name = name;
    this.root = root;
    this.#wanted = wanted;
  }

  /**
   * Finds the folder that has all of `wanted`: `root`, or one of the usual `subfolders` in it.
   *
   * @throws DatasetError with what was expected where, and what is there
   */
  static find(name: string, root: string, wanted: readonly string[], subfolders: readonly string[]): Tree {
    const candidates = [root, ...subfolders.map((folder) => joinPath(root, folder))];
    const found = candidates.find((folder) => wanted.every((entry) => exists(joinPath(folder, entry))));
    if (found !== undefined) return new Tree(name, found, wanted);
    throw notThere(name, root, wanted, subfolders);
  }

  path(...parts: string[]): string {
    return parts.reduce(joinPath, this.root);
  }

  has(...parts: string[]): boolean {
    return exists(this.path(...parts));
  }

  /** Names in a folder with one of the endings, in the order of code points. */
  names(folder: string, endings: readonly string[]): string[] {
    const path = this.path(folder);
    const names = listed(path).filter((name) => endings.some((ending) => name.endsWith(ending)));
    if (names.length > 0) return names.sort(byCodePoint);
    throw new DatasetError(
      `Expected images (${endings.join(', ')}) of ${this.#name} in ${path}, got none; it needs ${this.#wanted.join(', ')}`,
      { code: 'ERR_DATASET_EMPTY', path },
    );
  }

  /** Lines of a text file that are not empty. */
  lines(...parts: string[]): string[] {
    const path = this.path(...parts);
    try {
      return readFileSync(fsEncode(path), 'utf8')
        .split(/\r?\n/)
        .filter((line) => line.trim() !== '');
    } catch (cause) {
      throw new DatasetError(`Expected a list of ${this.#name} in ${path}, got ${(cause as Error).message}`, {
        code: 'ERR_DATASET_NOT_FOUND',
        path,
        cause,
      });
    }
  }
}

function exists(path: string): boolean {
  return statSync(fsEncode(path), { throwIfNoEntry: false }) !== undefined;
}

function listed(path: string): string[] {
  try {
    return readdirSync(fsEncode(path), { encoding: 'buffer' }).map(fsDecode);
  } catch (cause) {
    throw new DatasetError(`Expected a folder at ${path}, got ${(cause as Error).message}`, {
      code: 'ERR_DATASET_NOT_FOUND',
      path,
      cause,
    });
  }
}

function notThere(
  name: string,
  root: string,
  wanted: readonly string[],
  subfolders: readonly string[],
): DatasetError {
  const isThere = exists(root);
  const there = isThere ? listed(root).sort(byCodePoint) : [];
  const shown = there.slice(0, 6).join(', ') + (there.length > 6 ? ` (+${there.length - 6})` : '');
  const got = !isThere ? 'got no such folder' : there.length === 0 ? 'got an empty folder' : `got ${shown}`;
  const inside = subfolders.length > 0 ? `, or in its folder ${subfolders.join(' or ')}` : '';
  return new DatasetError(
    `Expected ${wanted.join(', ')} of ${name} in ${root}${inside}, ${got}; check the path`,
    {
      code: 'ERR_DATASET_NOT_FOUND',
      path: root,
    },
  );
}
