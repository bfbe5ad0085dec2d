import { readTiffTags, type TiffTags, withDirectory } from './tiff-tags.ts';
import { unsupported } from './unreadable.ts';

const BITS = 258;
const COMPRESSION = 259;
const PHOTOMETRIC = 262;
const ORIENTATION = 274;
const SAMPLES = 277;
const PLANAR = 284;
const PALETTE = 320;
const TILE_WIDTH = 322;
const EXTRA_SAMPLES = 338;
const SAMPLE_FORMAT = 339;
const XMP = 700;

// What libtiff needs: sizes, strips and tiles, and how they are compressed. Colour profiles and orientation are left out.
const READ_TAGS = [
  ...[256, 257, BITS, COMPRESSION, PHOTOMETRIC, 266, 273, SAMPLES, 278, 279, PLANAR, 292, 293, 317, PALETTE],
  ...[TILE_WIDTH, 323, 324, 325, EXTRA_SAMPLES, SAMPLE_FORMAT, 347, 529, 530, 531, 532],
];

const PHOTOMETRICS: Record<number, string> = {
  0: 'gray, white first',
  1: 'gray',
  2: 'RGB',
  3: 'palette',
  4: 'mask',
  5: 'CMYK',
  6: 'YCbCr',
  8: 'CIE Lab',
  9: 'ICC Lab',
  10: 'ITU Lab',
};
const JPEG = 7;
const COMPRESSIONS: Record<number, string> = {
  1: 'none',
  2: 'CCITT RLE',
  3: 'CCITT group 3',
  4: 'CCITT group 4',
  5: 'LZW',
  [JPEG]: 'JPEG',
  8: 'deflate',
  32773: 'PackBits',
  32946: 'deflate',
};
const OTHER_COMPRESSIONS: Record<number, string> = {
  6: 'old-style JPEG',
  34676: 'SGI LogL',
  34712: 'JPEG 2000',
  34925: 'LZMA',
  50000: 'Zstandard',
  50001: 'WebP',
};

/** How a TIFF is to be decoded. */
export interface TiffPlan {
  /** The file, of which libvips is to leave colours alone. */
  readonly input: Uint8Array;
  /** EXIF orientation by which Pillow turns the image as it loads it. */
  readonly orientation: number;
  /** Colours are multiplied by alpha, and still to be divided. */
  readonly isMultiplied: boolean;
}

const MULTIPLIED = 1;
const UNRELATED = 2;

interface Layout {
  readonly photometric: number;
  readonly compression: number;
  readonly bits: readonly number[];
  readonly extra: readonly number[];
  readonly format: number;
  readonly planes: number;
  readonly tiled: boolean;
}

/**
 * Lets pass the kinds of TIFF whose pixels were found equal to Pillow's (12.3): what else libvips would read, it reads
 * differently.
 *
 * @throws Unreadable naming the kind
 */
export function planTiff(bytes: Uint8Array): TiffPlan {
  const tags = readTiffTags(bytes);
  const layout = layoutOf(tags);
  const compression = COMPRESSIONS[layout.compression];
  if (compression === undefined) {
    const name = OTHER_COMPRESSIONS[layout.compression] ?? `number ${layout.compression}`;
    throw unsupported(`a TIFF with ${name} compression`);
  }
  const problem = problemOf(layout, tags);
  if (problem !== undefined) throw unsupported(`a TIFF of ${describe(layout)}${problem}`);
  const isMultiplied = layout.extra[0] === MULTIPLIED;
  const changes = new Map([[PHOTOMETRIC, layout.photometric]]);
  // libvips divides by alpha too, and rounds otherwise. libtiff warns of a fourth sample without a meaning.
  if (isMultiplied || hidesAlpha(layout)) changes.set(EXTRA_SAMPLES, UNRELATED);
  const input = withDirectory(bytes, READ_TAGS, changes);
  return { input, orientation: orientationOf(tags), isMultiplied };
}

function layoutOf(tags: TiffTags): Layout {
  const first = (tag: number, otherwise: number) => tags.get(tag)?.[0] ?? otherwise;
  const samples = first(SAMPLES, 1);
  const given = tags.get(BITS) ?? [1];
  return {
    photometric: first(PHOTOMETRIC, 0),
    compression: first(COMPRESSION, 1),
    bits: given.length === 1 && samples < 16 ? Array(samples).fill(given[0]) : given.slice(0, samples),
    extra: tags.get(EXTRA_SAMPLES) ?? [],
    format: first(SAMPLE_FORMAT, 1),
    planes: samples === 1 ? 1 : first(PLANAR, 1),
    tiled: tags.has(TILE_WIDTH),
  };
}

/** Why a layout is not read, in words that follow its description; undefined where it is. */
function problemOf(layout: Layout, tags: TiffTags): string | undefined {
  const { planes, tiled } = layout;
  if (planes === 2 && tiled) return ' and tiles';
  if (!isReadLayout(layout)) return '';
  if (layout.photometric === 3 && (tags.get(PALETTE) ?? []).every((value) => value < 256)) {
    // Pillow takes the upper byte of each colour, which is zero.
    return ' with colours of 8 bits';
  }
  return undefined;
}

// Depth and extra samples, by photometric interpretation; those of the second list in one plane only.
const READ: Record<number, readonly [always: readonly string[], together: readonly string[]]> = {
  1: [[], ['8 2']],
  2: [
    ['8 ', '8 2', '8 999'],
    ['8 0', '8 1', '8 0,0', '8 2,0', '8 1,0', '16 ', '16 0', '16 1', '16 2'],
  ],
  3: [[], ['8 0', '8 2']],
  5: [['8 '], ['8 0']],
};
const COLOURS: Record<number, number> = { 1: 1, 2: 3, 3: 1, 5: 4 };

function isReadLayout(layout: Layout): boolean {
  const { photometric, compression, bits, extra, format, planes } = layout;
  const depth = bits.every((value) => value === bits[0]) ? (bits[0] as number) : 0;
  if (bits.length === 1) return isReadGray(layout, depth);
  if (format !== 1) return false;
  const key = `${depth} ${extra.join()}`;
  if (photometric === 6) return compression === JPEG && planes === 1 && bits.length === 3 && key === '8 ';
  const [always, together] = READ[photometric] ?? [[], []];
  const colours = bits.length - extra.length;
  if (colours !== COLOURS[photometric] && !hidesAlpha(layout)) return false;
  return always.includes(key) || (planes === 1 && together.includes(key));
}

/** Four samples of RGB without a word on the fourth: it is alpha. */
function hidesAlpha({ photometric, bits, extra }: Layout): boolean {
  return photometric === 2 && bits.length === 4 && extra.length === 0;
}

function isReadGray({ photometric, format }: Layout, depth: number): boolean {
  const isWhole = format === 1;
  if (depth === 32 && photometric <= 1)
    return format === 3 || (photometric === 1 && (isWhole || format === 2));
  if (depth === 16) return isWhole && photometric === 1;
  return isWhole && [1, 2, 4, 8].includes(depth) && [0, 1, 3].includes(photometric);
}

function describe({ photometric, bits, extra, format, planes, compression }: Layout): string {
  const kind = PHOTOMETRICS[photometric] ?? `photometric ${photometric}`;
  const numbers =
    format === 1 ? '' : format === 2 ? ' signed' : format === 3 ? ' floating-point' : ' complex';
  const separate = planes === 2 ? ' in separate planes' : '';
  const more = extra.length > 0 ? ` and extra samples (${extra.join(', ')})` : '';
  const packed = compression === 1 ? '' : `, ${COMPRESSIONS[compression]}`;
  return `${kind} with${numbers} ${bits.join('+')} bits${more}${separate}${packed}`;
}

/** Pillow looks into XMP where the tag is missing (Image.getexif, 12.3). */
function orientationOf(tags: TiffTags): number {
  const tag = tags.get(ORIENTATION)?.[0];
  if (tag !== undefined) return tag;
  const xmp = Buffer.from(tags.get(XMP) ?? []).toString('latin1');
  const match = /tiff:Orientation(?:="|>)([0-9])/.exec(xmp);
  return match === null ? 1 : Number(match[1]);
}
