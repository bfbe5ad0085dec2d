import { checkOptions, checkPositions, checkText, describeValue } from '../options.ts';
import { scope, type Tensor } from '../tensor/index.ts';
import { fromOwnBytes } from '../tensor/own-bytes.ts';
import { ImageError } from './errors.ts';
import { decodeBmp } from './image/bmp.ts';
import { formatOf, READABLE_FORMATS } from './image/format.ts';
import { decodeGif } from './image/gif.ts';
import { inSlices, MAX_PIXELS, type Pixels } from './image/pixels.ts';
import { decodePnm } from './image/pnm.ts';
import { decodeBySharp } from './image/sharp-decoder.ts';
import { type ImageFile, type ImageSource, readSource } from './image/source.ts';
import { Unreadable } from './image/unreadable.ts';

export type { ImageSource } from './image/source.ts';

/** Options of {@link decodeImage}. */
export interface DecodeImageOptions {
  /** What errors call an image that has no path. Default "image". */
  name?: string;
  /** The most pixels that are decoded. Default 178,956,970, Pillow's limit; `Infinity` for none. */
  maxPixels?: number;
}

/**
 * Decodes an image into a `uint8` tensor of shape (3, height, width), RGB, with the pixels of Pillow's
 * `Image.open(path).convert('RGB')` (12.3): JPEG, PNG, WebP, GIF, TIFF, BMP, PBM, PGM, PPM and gray PFM are equal or
 * refused. Colour profiles are ignored, gray becomes three equal channels, alpha is dropped, CMYK is converted by
 * Pillow's formula, the first frame of an animation is taken. A TIFF is turned by its orientation, other formats
 * are not by theirs. Two departures, of which a warning tells: 16-bit gray keeps its upper eight bits, where
 * Pillow cuts it at 255, and values of AVIF differ a little. `docs/images.md` lists all kinds.
 *
 * The tensor lies in memory as it was decoded, pixel by pixel (strides of a channels-last image). Decoding does
 * not block the event loop.
 *
 * @param source a path or file URL, the file's bytes, a Blob, or a stream
 * @throws ImageError when the file is missing, damaged, too large, or of a kind that is not read
 * @example
 * const image = await decodeImage('photo.jpg');
 * console.log(image.shape); // [3, 427, 640]
 */
export async function decodeImage(source: ImageSource, options: DecodeImageOptions = {}): Promise<Tensor> {
  checkPositions('decodeImage', arguments, 2);
  checkOptions('decodeImage', options, ['name', 'maxPixels']);
  const { name, maxPixels = MAX_PIXELS } = options;
  if (name !== undefined) checkText('decodeImage name', 'a string', name);
  if (typeof maxPixels !== 'number' || !(maxPixels > 0)) {
    throw new RangeError(
      `Expected a positive number for decodeImage maxPixels, got ${describeValue(maxPixels)}`,
    );
  }
  const file = await readSource(source, name);
  const { data, height, width } = await decode(file, maxPixels);
  // (height, width, 3) -> (3, height, width)
  return scope(() => fromOwnBytes(data, 'uint8', [height, width, 3]).permute([2, 0, 1]));
}

async function decode(file: ImageFile, maxPixels: number): Promise<Pixels> {
  try {
    return await decodeBytes(file.bytes, maxPixels);
  } catch (error) {
    throw error instanceof Unreadable ? imageError(file, error) : error;
  }
}

async function decodeBytes(bytes: Uint8Array, maxPixels: number): Promise<Pixels> {
  const format = formatOf(bytes);
  switch (format) {
    case 'BMP':
      return await inSlices(decodeBmp(bytes, 14, maxPixels));
    case 'DIB':
      return await inSlices(decodeBmp(bytes, 0, maxPixels));
    case 'GIF':
      return await inSlices(decodeGif(bytes, maxPixels));
    case 'PNM':
      return await inSlices(decodePnm(bytes, maxPixels));
    default:
      return await decodeBySharp(format, bytes, maxPixels);
  }
}

const ADVICE: Record<string, string> = {
  ERR_IMAGE_UNSUPPORTED: `convert it to ${READABLE_FORMATS}`,
  ERR_IMAGE_TOO_LARGE: 'pass { maxPixels } if it is no attack',
};

function imageError({ name, path }: ImageFile, { message, code, cause }: Unreadable): ImageError {
  const reason = code === 'ERR_IMAGE_DECODE' ? `not a readable image (${message})` : message;
  const advice = ADVICE[code] ?? `pass an undamaged ${READABLE_FORMATS}`;
  return new ImageError(`${name}: ${reason}; ${advice}`, { code, path, cause });
}
