import { stat } from 'node:fs/promises';
import { findImages } from '../../data/datasets/index.ts';
import { DatasetError, type ImageSource } from '../../data/index.ts';

/** One image named on the command line or found in a folder. */
export interface ImageInput {
  readonly path: string;
  readonly source: ImageSource;
}

/** The images found, and what could not be found, in the words to print. */
export interface ImageInputs {
  readonly images: ImageInput[];
  readonly problems: string[];
}

/**
 * Expands command-line arguments: a file, a folder (searched through in the order of `ImageFolder`, for every
 * format that can be read), or `-` for standard input. A path that does not exist is left for the decoder to
 * report in its turn.
 */
export async function expandInputs(
  paths: readonly string[],
  stdin: AsyncIterable<Uint8Array>,
): Promise<ImageInputs> {
  const images: ImageInput[] = [];
  const problems: string[] = [];
  for (const path of paths) {
    if (path === '-') images.push({ path, source: stdin });
    else if (await isFolder(path)) addFolder(path, images, problems);
    else images.push({ path, source: path });
  }
  return { images, problems };
}

async function isFolder(path: string): Promise<boolean> {
  return await stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
}

function addFolder(folder: string, images: ImageInput[], problems: string[]): void {
  try {
    const found = findImages(folder);
    if (found.length === 0)
      problems.push(`${folder}: no images in this folder; pass a file or another folder`);
    for (const path of found) images.push({ path, source: path });
  } catch (error) {
    if (!(error instanceof DatasetError)) throw error;
    problems.push(error.message);
  }
}
