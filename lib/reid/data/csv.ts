import { readFileSync } from 'node:fs';
import { dirname, isAbsolute } from 'node:path';
import { DatasetError } from '../../data/errors.ts';
import { fsEncode, joinPath } from '../../data/fs-path.ts';
import { csvRows } from './csv-rows.ts';
import { PARTS, type ReidData, type ReidImage, type ReidPart, reidData } from './reid-image.ts';

/** Options of `csvList`. */
export interface CsvListOptions {
  /** Folder of the images. Default: that of the file. */
  images?: string;
  /** Default: the file's path. */
  name?: string;
}

/**
 * A table of images: columns `path`, `id`, `camera`, and `split` with train, query or gallery. Identities and cameras are texts. In
 * the file's order.
 *
 * @throws DatasetError with the line that is wrong
 */
export function csvList(
  file: string,
  { images = dirname(file), name = file }: CsvListOptions = {},
): ReidData {
  const parts: Record<ReidPart, ReidImage[]> = { train: [], query: [], gallery: [] };
  for (const [index, row] of readRows(file).entries()) {
    const part = PARTS.find((known) => known === row.split);
    if (part === undefined || !row.path || !row.id || !row.camera) throw wrongRow(file, index + 2, row);
    const path = isAbsolute(row.path) ? row.path : joinPath(images, row.path);
    parts[part].push({ path, id: row.id, camera: row.camera });
  }
  return reidData(name, images, parts);
}

function readRows(file: string): Record<string, string>[] {
  try {
    const [columns = [], ...rows] = csvRows(readFileSync(fsEncode(file), 'utf8'));
    return rows.map((row) => Object.fromEntries(columns.map((column, index) => [column, row[index] ?? ''])));
  } catch (cause) {
    throw new DatasetError(
      `Expected a table with a line of column names in ${file}, got ${(cause as Error).message}`,
      { code: 'ERR_DATASET_NOT_FOUND', path: file, cause },
    );
  }
}

function wrongRow(file: string, line: number, row: Record<string, string>): DatasetError {
  return new DatasetError(
    `Expected path, id, camera and split (train, query or gallery) in record ${line} of ${file}, got ${JSON.stringify(row)}`,
    { code: 'ERR_DATASET_NAME', path: file },
  );
}
