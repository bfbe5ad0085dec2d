import { createHash } from 'node:crypto';
import { messageOf } from '../../../errors.ts';
import { DatasetError } from '../../errors.ts';
import type { Drawing } from './icons.ts';

/** The pixels of one style's emoji. */
export interface Sheet {
  /** Which emoji they are: {@link Emoji.codes}. */
  readonly codes: readonly string[];
  /** A digest of each picture: equal ones are equal pixel by pixel. */
  readonly digests: readonly string[];
  /** uint8 (N, 4, size, size): red, green, blue, alpha, not multiplied. */
  readonly pixels: Uint8Array;
}

/** Versions of what turns an SVG into pixels: another may draw other pixels. */
export async function drawerVersions(): Promise<Readonly<Record<'sharp' | 'rsvg' | 'vips', string>>> {
  const { default: sharp } = await import('sharp');
  const { sharp: own = '', rsvg = '', vips = '' } = sharp.versions as Record<string, string | undefined>;
  return { sharp: own, rsvg, vips };
}

/** Pictures that sharp is given at once; it has threads of its own. */
const AT_ONCE = 16;

/** Draws SVGs at one size. */
export async function drawAll(drawings: readonly Drawing[], size: number, style: string): Promise<Sheet> {
  const bytes = 4 * size * size;
  const pixels = new Uint8Array(drawings.length * bytes);
  const digests: string[] = [];
  for (let at = 0; at < drawings.length; at += AT_ONCE) {
    const some = drawings.slice(at, at + AT_ONCE);
    const drawn = await Promise.all(some.map((drawing) => draw(drawing, size, style)));
    for (const [i, picture] of drawn.entries()) {
      pixels.set(picture, (at + i) * bytes);
      digests.push(createHash('sha256').update(picture).digest('base64').slice(0, 16));
    }
  }
  return { codes: drawings.map(({ emoji }) => emoji.codes), digests, pixels };
}

async function draw({ emoji, svg }: Drawing, size: number, style: string): Promise<Uint8Array> {
  const { default: sharp } = await import('sharp');
  try {
    const { data, info } = await sharp(Buffer.from(svg))
      .toColourspace('srgb')
      .ensureAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    if (info.width === size && info.height === size) return planes(data, size * size);
    throw new Error(`it came out as ${info.width} x ${info.height}`);
  } catch (cause) {
    throw new DatasetError(`${style}: ${emoji.name} could not be drawn: ${messageOf(cause)}`, {
      code: 'ERR_DATASET_DRAW',
      path: style,
      cause,
    });
  }
}

/** Interleaved RGBA as four planes; what cannot be seen is black, whatever colour it has. */
function planes(rgba: Uint8Array, count: number): Uint8Array {
  const result = new Uint8Array(4 * count);
  for (let i = 0; i < count; i++) {
    const alpha = rgba[4 * i + 3] as number;
    if (alpha === 0) continue;
    for (let channel = 0; channel < 3; channel++)
      result[channel * count + i] = rgba[4 * i + channel] as number;
    result[3 * count + i] = alpha;
  }
  return result;
}
