import { pathOf, writeAtomically } from '../atomic-file.ts';
import { checkOptions, checkPositions, describeValue } from '../options.ts';
import { scope, Tensor } from '../tensor/index.ts';

/** Options of {@link encodePng} and {@link writePng}. */
export interface PngOptions {
  /** From 0, quick and large, to 9. Default 6. */
  compressionLevel?: number;
}

/**
 * Encodes an image as PNG, without loss and without holding up the event loop; torchvision.io.encode_png (0.28).
 *
 * @param image a `uint8` tensor: (3, H, W), RGB, or (1, H, W), gray
 * @returns the bytes of a file, which `decodeImage` and everything else reads
 * @example
 * const bytes = await encodePng(image);
 * const same = (await decodeImage(bytes)).equal(image); // true
 */
export async function encodePng(image: Tensor, options: PngOptions = {}): Promise<Uint8Array> {
  checkPositions('encodePng', arguments, 2);
  return await encode('encodePng', image, options);
}

/**
 * Writes an image into a PNG file as {@link encodePng}; torchvision.io.write_png. An old file stays whole until the new
 * one is.
 *
 * @param path a path or file URL
 * @example
 * const mask = logits.argmax(1).to('uint8').view([1, 1, 2]); // numbers of classes, as gray
 * await writePng(mask, 'mask.png', { compressionLevel: 9 });
 */
export async function writePng(image: Tensor, path: string | URL, options: PngOptions = {}): Promise<void> {
  checkPositions('writePng', arguments, 3);
  const target = pathOf(path, 'writePng');
  const bytes = await encode('writePng', image, options);
  writeAtomically(target, (sink) => sink(bytes));
}

async function encode(owner: string, image: Tensor, options: PngOptions): Promise<Uint8Array> {
  checkOptions(owner, options, ['compressionLevel']);
  const { compressionLevel = 6 } = options;
  if (!Number.isInteger(compressionLevel) || compressionLevel < 0 || compressionLevel > 9) {
    throw new RangeError(`Expected 0 to 9 for ${owner} compressionLevel, got ${compressionLevel}`);
  }
  const raw = rawImage(owner, image);
  const bytes = scope(() => image.permute([1, 2, 0]).data()) as Uint8Array; // (H, W, C)
  const { default: sharp } = await import('sharp');
  const colours = raw.channels === 1 ? 'b-w' : 'srgb';
  return await sharp(bytes, { raw }).toColourspace(colours).png({ compressionLevel }).toBuffer();
}

function rawImage(owner: string, image: Tensor): { channels: 1 | 3; height: number; width: number } {
  if (!(image instanceof Tensor)) {
    throw new TypeError(`Expected a Tensor for ${owner} image, got ${describeValue(image)}`);
  }
  const { dtype, shape } = image;
  const [channels, height = 0, width = 0] = shape;
  const isImage = shape.length === 3 && (channels === 1 || channels === 3) && height > 0 && width > 0;
  if (isImage && dtype === 'uint8') return { channels, height, width };
  throw new RangeError(
    `Expected a uint8 tensor (1, H, W) or (3, H, W) for ${owner} image, got ${dtype} [${shape.join(', ')}]`,
  );
}
