import type { Metadata, Sharp, SharpOptions } from 'sharp';
import { messageOf } from '../../errors.ts';
import { withoutTurns } from './avif.ts';
import { cmykToRgb, dividedByAlpha, grayToRgb } from './colours.ts';
import { warnOfDeparture } from './departures.ts';
import type { ImageFormat } from './format.ts';
import { checkJpegMarkers } from './jpeg-markers.ts';
import { upright } from './orientation.ts';
import { checkSize, inSlices, type Pixels } from './pixels.ts';
import { planTiff } from './tiff.ts';
import { Unreadable, unsupported } from './unreadable.ts';

/**
 * Decodes through sharp, off the event loop, without colour management.
 *
 * @throws Unreadable for damaged files and kinds that would not have Pillow's pixels
 */
export async function decodeBySharp(
  format: ImageFormat,
  bytes: Uint8Array,
  maxPixels: number,
): Promise<Pixels> {
  if (format === 'JPEG') return await decodeJpeg(bytes, maxPixels);
  if (format === 'TIFF') return await decodeTiff(bytes, maxPixels);
  const input = format === 'AVIF' ? withoutTurns(bytes) : bytes;
  return await decodeWith(input, maxPixels, { format });
}

async function decodeTiff(bytes: Uint8Array, maxPixels: number): Promise<Pixels> {
  const { input, orientation, isMultiplied } = planTiff(bytes);
  const pixels = await decodeWith(input, maxPixels, { format: 'TIFF', isMultiplied });
  return await inSlices(upright(pixels, orientation));
}

/**
 * libjpeg mends what it warns of, stray bytes before a marker for example, and Pillow says nothing of it: only a file that
 * ends too early is an error, and markers that libjpeg fails at.
 */
async function decodeJpeg(input: Uint8Array, maxPixels: number): Promise<Pixels> {
  try {
    return await decodeWith(input, maxPixels, { format: 'JPEG' });
  } catch (error) {
    if (!(error instanceof Unreadable) || error.code !== 'ERR_IMAGE_DECODE') throw error;
    const pixels = await decodeWith(input, maxPixels, { format: 'JPEG', failOn: 'truncated' });
    checkJpegMarkers(input);
    return pixels;
  }
}

interface Manner {
  readonly format: ImageFormat;
  readonly failOn?: SharpOptions['failOn'];
  readonly isMultiplied?: boolean;
}

async function decodeWith(
  input: Uint8Array,
  maxPixels: number,
  { format, failOn = 'warning', isMultiplied = false }: Manner,
): Promise<Pixels> {
  // sharp takes a quarter of a second to load, which programs that decode nothing need not pay.
  const { default: sharp } = await import('sharp');
  const options = { ignoreIcc: true, limitInputPixels: false, failOn } as SharpOptions;
  const metadata = await readable(() => sharp(input, options).metadata());
  checkSize(metadata.width, metadata.height, maxPixels);
  warnOfDepartures(format, metadata);
  const pipeline = rawPipeline(sharp(input, options), metadata.space, isMultiplied);
  const { data, info } = await readable(() => pipeline.raw().toBuffer({ resolveWithObject: true }));
  const rgb = isMultiplied
    ? await inSlices(dividedByAlpha(data, info.channels))
    : await toRgb(data, info.channels, metadata.space);
  return { data: rgb, width: info.width, height: info.height };
}

/** sharp's errors as reasons, one line each. */
async function readable<Result>(attempt: () => Promise<Result>): Promise<Result> {
  try {
    return await attempt();
  } catch (cause) {
    const text = messageOf(cause);
    throw new Unreadable(reasonOf(text), 'ERR_IMAGE_DECODE', { cause });
  }
}

const CUT_SHORT =
  /premature end|bad seek|read error|got \d+ bytes, expected|unable to parse|header is damaged/i;

function reasonOf(text: string): string {
  const lines = text.split('\n').filter((line) => line !== '');
  const line = lines.find((each) => !each.includes('failOn')) ?? 'it has faults that its decoder warns of';
  const reason = line
    .replace(/^Input buffer (has corrupt header: ?)?/, '')
    .replace(/^$/, 'its header is damaged');
  return CUT_SHORT.test(reason) ? `the file is truncated or damaged: ${reason}` : reason;
}

function rawPipeline(image: Sharp, space: string | undefined, keepsAlpha: boolean): Sharp {
  // Left to itself libvips would send CMYK through a profile, which Pillow does not.
  if (space === 'cmyk') return image.pipelineColourspace('cmyk').toColourspace('cmyk');
  return (keepsAlpha ? image : image.removeAlpha()).toColourspace('srgb');
}

async function toRgb(data: Buffer, channels: number, space: string | undefined): Promise<Uint8Array> {
  if (space === 'cmyk' && channels >= 4) return await inSlices(cmykToRgb(data, channels));
  if (channels === 3) return data;
  if (channels === 1) return await inSlices(grayToRgb(data));
  throw unsupported(`an image of ${channels} channels`);
}

/** The two departures from Pillow's values, once for each process. */
function warnOfDepartures(format: ImageFormat, { space, depth }: Metadata): void {
  if (format === 'AVIF') warnOfDeparture('AVIF');
  if (space === 'grey16' && depth === 'ushort') warnOfDeparture('16-bit gray');
}
