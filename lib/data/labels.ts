import { checkOptions, checkPositions, checkText, describeValue } from '../options.ts';
import { scope, type Tensor } from '../tensor/index.ts';
import { fromOwnBytes } from '../tensor/own-bytes.ts';
import { ImageError } from './errors.ts';
import { MAX_PIXELS } from './image/pixels.ts';
import { decodePngLabels, type LabelPixels } from './image/png-labels.ts';
import { type ImageSource, readSource } from './image/source.ts';
import { Unreadable } from './image/unreadable.ts';
import type { DecodeImageOptions } from './image.ts';

/**
 * Reads the labels of pixels from a mask: a PNG file of a palette, whose indices they are, or of gray, whose values they are,
 * with 1 to 8 bits. The result is a `uint8` tensor (height, width). As `np.array(Image.open(path))` in Python for 8 bits.
 *
 * @param source a path or file URL, the file's bytes, a Blob, or a stream
 * @throws ImageError for a missing or damaged file, and one of another kind (colours, 16 bits, interlaced)
 * @example
 * const image = tensor([[[0, 1, 18]]], { dtype: 'uint8' });
 * const labels = await decodeLabels(await encodePng(image));
 * labels.toArray(); // [[0, 1, 18]]
 */
export async function decodeLabels(source: ImageSource, options: DecodeImageOptions = {}): Promise<Tensor> {
  checkPositions('decodeLabels', arguments, 2);
  const { data, height, width } = await labelPixels(source, options);
  return scope(() => fromOwnBytes(data, 'uint8', [height, width]));
}

/** The same as bytes. */
export async function labelPixels(
  source: ImageSource,
  options: DecodeImageOptions = {},
): Promise<LabelPixels> {
  checkOptions('decodeLabels', options, ['name', 'maxPixels']);
  const { name, maxPixels = MAX_PIXELS } = options;
  if (name !== undefined) checkText('decodeLabels name', 'a string', name);
  if (typeof maxPixels !== 'number' || !(maxPixels > 0))
    throw new RangeError(
      `Expected a positive number for decodeLabels maxPixels, got ${describeValue(maxPixels)}`,
    );
  const file = await readSource(source, name);
  try {
    return await decodePngLabels(file.bytes, maxPixels);
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    const { message, code, cause } = error;
    const text = `${file.name}: no readable labels (${message}); pass a PNG file of gray or a palette, 8 bits at most`;
    throw new ImageError(text, { code, path: file.path, cause });
  }
}
