import type { Sharp } from 'sharp';
import { fromBuffer, type Tensor } from '../tensor/index.ts';
import { ImageError } from './errors.ts';
import { type ImageSource, readSource } from './image/source.ts';

export type { ImageSource } from './image/source.ts';

interface Pixels {
  readonly data: Buffer;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/**
 * Decodes an image into a `uint8` tensor of shape (3, height, width), RGB, with the pixels of Pillow's
 * `Image.open(path).convert('RGB')`: colour profiles are ignored, gray becomes three equal channels, alpha is
 * dropped, CMYK is converted by Pillow's formula, the first frame of an animation is taken, and EXIF
 * orientation is not applied (Pillow and torchvision do not apply it either). One departure: 16-bit
 * channels keep their upper 8 bits, where Pillow saturates 16-bit gray to white.
 *
 * The tensor lies in memory as it was decoded, pixel by pixel (strides of a channels-last image).
 *
 * @param source a path, the file's bytes, or a stream of them
 * @param options `name` is what errors call an image that has no path; default "image"
 * @throws ImageError when the file is missing, damaged, or no image
 * @example
 * const image = await decodeImage('photo.jpg');
 * console.log(image.shape); // [3, 427, 640]
 */
export async function decodeImage(source: ImageSource, options: { name?: string } = {}): Promise<Tensor> {
  const { bytes, name, path } = await readSource(source, options.name);
  const { data, height, width } = toRgb(await decodePixels(bytes, name, path));
  // (height, width, 3) -> (3, height, width)
  return fromBuffer(data, { dtype: 'uint8', shape: [height, width, 3] }).permute([2, 0, 1]);
}

async function decodePixels(bytes: Uint8Array, name: string, path: string | undefined): Promise<Pixels> {
  // sharp takes a quarter of a second to load, which programs that decode nothing need not pay.
  const { default: sharp } = await import('sharp');
  try {
    const image = sharp(bytes, { ignoreIcc: true });
    const { space } = await image.metadata();
    const { data, info } = await rawPipeline(image, space).raw().toBuffer({ resolveWithObject: true });
    return { data, height: info.height, width: info.width, channels: info.channels };
  } catch (cause) {
    const reason = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause);
    const message = `${name}: not a readable image (${reason}); pass an undamaged JPEG, PNG, WebP, GIF, TIFF or AVIF`;
    throw new ImageError(message, { code: 'ERR_IMAGE_DECODE', path, cause });
  }
}

function rawPipeline(image: Sharp, space: string | undefined): Sharp {
  // Left to itself libvips would send CMYK through a profile, which Pillow does not.
  if (space === 'cmyk') return image.pipelineColourspace('cmyk').toColourspace('cmyk');
  return image.removeAlpha().toColourspace('srgb');
}

function toRgb(pixels: Pixels): Pixels {
  if (pixels.channels === 1) return { ...pixels, data: grayToRgb(pixels.data), channels: 3 };
  if (pixels.channels >= 4) return { ...pixels, data: cmykToRgb(pixels.data, pixels.channels), channels: 3 };
  return pixels;
}

function grayToRgb(gray: Uint8Array): Buffer {
  const rgb = Buffer.allocUnsafe(gray.length * 3);
  for (let i = 0; i < gray.length; i++) rgb.fill(gray[i] as number, 3 * i, 3 * i + 3);
  return rgb;
}

/** Pillow's conversion (Convert.c, 12.3): (255 - K) minus the ink's share of it, rounded. */
function cmykToRgb(cmyk: Uint8Array, channels: number): Buffer {
  const rgb = Buffer.allocUnsafe((cmyk.length / channels) * 3);
  for (let from = 0, to = 0; from < cmyk.length; from += channels) {
    const light = 255 - (cmyk[from + 3] as number);
    for (let ink = 0; ink < 3; ink++) {
      const product = (cmyk[from + ink] as number) * light + 128;
      rgb[to++] = Math.max(0, light - (((product >> 8) + product) >> 8));
    }
  }
  return rgb;
}
