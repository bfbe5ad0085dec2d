import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { scope } from '../../../tensor/index.ts';
import { DatasetError } from '../../errors.ts';
import { fsEncode } from '../../fs-path.ts';
import { decodeImage } from '../../image.ts';
import { findImages } from '../image-folder.ts';
import { type Bitmap, shrink } from './bitmap.ts';

/** A photograph file. */
export interface Photograph {
  readonly path: string;
  readonly name: string;
  /** SHA-256 of the file, the first 16 characters in hexadecimal. */
  readonly digest: string;
}

/** Files of photographs in the order of their names. @throws DatasetError where there is none, or one twice */
export function findPhotographs(photographs: string | readonly string[]): Photograph[] {
  const paths = typeof photographs === 'string' ? findImages(photographs) : [...photographs];
  const found = paths.map((path) => ({ path, name: basename(path), digest: digestOf(path) }));
  found.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  const again = found.find(({ digest }, i) => found.findIndex((each) => each.digest === digest) !== i);
  if (again !== undefined)
    throw new DatasetError(`Expected each photograph once, got ${again.path} twice; leave one out`, {
      code: 'ERR_DATASET_TWICE',
      path: again.path,
    });
  return found;
}

function digestOf(path: string): string {
  try {
    return createHash('sha256')
      .update(readFileSync(fsEncode(path)))
      .digest('hex')
      .slice(0, 16);
  } catch (cause) {
    throw new DatasetError(`Expected a photograph in ${path}, got a file that cannot be read`, {
      code: 'ERR_DATASET_NOT_FOUND',
      path,
      cause,
    });
  }
}

/** How many times as large as a scene a photograph is kept at least, where it is larger. */
const KEPT = 3;

/** Decodes a photograph, brought down where it is far larger than a scene. @throws DatasetError for one that is smaller */
export async function loadPhotograph({ path }: Photograph, height: number, width: number): Promise<Bitmap> {
  const image = await decodeImage(path);
  const [, tall = 0, wide = 0] = image.shape;
  const data = scope(() => image.permute([1, 2, 0]).data()) as Uint8Array;
  image.dispose();
  if (tall < height || wide < width)
    throw new DatasetError(
      `Expected photographs of ${width}x${height} pixels at least, got ${wide}x${tall} in ${path}; leave it out`,
      { code: 'ERR_DATASET_SIZE', path },
    );
  const whole = { data, width: wide, height: tall, channels: 3 };
  const factor = Math.floor(Math.min(wide / (KEPT * width), tall / (KEPT * height)));
  return factor > 1 ? shrink(whole, factor) : whole;
}
