import { open } from 'node:fs/promises';
import type { Tensor } from '../../tensor/index.ts';
import { ImageError } from '../errors.ts';
import { fsEncode } from '../fs-path.ts';
import { decodeImage } from '../image.ts';
import type { FilePart, ImageRecord } from './image-record.ts';

/** Decodes the image of a record whatever its format, with the errors of {@link decodeImage}. */
export async function decodeRecord({ source, name, maxPixels }: ImageRecord<unknown>): Promise<Tensor> {
  const options = {
    ...(name === undefined ? {} : { name }),
    ...(maxPixels === undefined ? {} : { maxPixels }),
  };
  if (typeof source === 'string' || source instanceof Uint8Array) return await decodeImage(source, options);
  return await decodeImage(await readPart(source, name ?? source.path), options);
}

async function readPart({ path, offset, length }: FilePart, name: string): Promise<Uint8Array> {
  try {
    const file = await open(fsEncode(path));
    try {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, offset);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new ImageError(`${name}: could not be read (${code}); check ${path}`, {
      code: 'ERR_IMAGE_DECODE',
      path,
      cause,
    });
  }
}
