import { grayToRgb, wideGrayToRgb } from './colours.ts';
import { warnOfDeparture } from './departures.ts';
import { checkSize, type Pixels, type Sliced } from './pixels.ts';
import { readPlainBits, readPlainSamples } from './pnm-plain.ts';
import { isSpace, readToken } from './pnm-token.ts';
import { truncated, Unreadable, unsupported } from './unreadable.ts';

interface Header {
  /** The letter or digit after P. */
  readonly kind: string;
  readonly width: number;
  readonly height: number;
  /** The value of white; for Pf a scale, negative where the data is little-endian. */
  readonly white: number;
  /** Where the pixels begin. */
  readonly offset: number;
}

/**
 * Decodes PBM, PGM and PPM, plain and raw (P1 to P6), and gray PFM (Pf) to RGB as Pillow's PpmImagePlugin (12.3).
 * Gray of more than 8 bits keeps its upper eight, where Pillow saturates.
 */
export function* decodePnm(bytes: Uint8Array, maxPixels: number): Sliced<Pixels> {
  const header = readHeader(bytes);
  const { kind, width, height } = header;
  checkSize(width, height, maxPixels);
  const pixels = width * height;
  const needed = bytesOf(header);
  // Before memory is taken for the pixels.
  if (bytes.length - header.offset < needed) throw truncated();
  const body = bytes.subarray(header.offset);
  return { data: yield* decodeBody(kind, body, pixels, header), width, height };
}

function* decodeBody(kind: string, body: Uint8Array, pixels: number, header: Header): Sliced<Uint8Array> {
  const { white } = header;
  switch (kind) {
    case '1':
      return yield* grayToRgb(yield* readPlainBits(body, pixels));
    case '2':
      return yield* grayOf(yield* readPlainSamples(body, pixels, white), white);
    case '3':
      return yield* scaled(yield* readPlainSamples(body, 3 * pixels, white), white);
    case '4':
      return yield* grayToRgb(unpackBits(body, header));
    case '5':
      return yield* grayOf(samplesOf(body, pixels, white), white);
    case '6':
      return yield* scaled(samplesOf(body, 3 * pixels, white), white);
    default:
      return yield* grayToRgb(floatGray(body, header));
  }
}

function readHeader(bytes: Uint8Array): Header {
  const kind = String.fromCharCode(bytes[1] as number);
  if (kind === '7') throw unsupported('PAM (P7)');
  if (kind === 'F') throw unsupported('colour PFM (PF)');
  if (!isSpace(bytes[2])) throw unsupported(`PNM of kind "P${kind}" without a space`);
  const cursor = { at: 3 };
  const width = wholeNumber(readToken(bytes, cursor), 'width');
  const height = wholeNumber(readToken(bytes, cursor), 'height');
  const white = readWhite(kind, bytes, cursor);
  return { kind, width, height, white, offset: cursor.at };
}

function readWhite(kind: string, bytes: Uint8Array, cursor: { at: number }): number {
  if (kind === '1' || kind === '4') return 1;
  const token = readToken(bytes, cursor);
  if (kind !== 'f') {
    const white = wholeNumber(token, 'maximum');
    if (white > 0 && white < 65536) return white;
    throw new Unreadable(`its maximum is ${white}, not 1 to 65535`);
  }
  const scale = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(token) ? Number(token) : Number.NaN;
  if (Number.isFinite(scale) && scale !== 0) return scale;
  throw new Unreadable(`its scale is "${token}", not a number`);
}

function wholeNumber(token: string, what: string): number {
  if (/^\d+$/.test(token)) return Number(token);
  throw new Unreadable(`its ${what} is "${token}", not a whole number`);
}

/** The least that the pixels take. */
function bytesOf({ kind, width, height, white }: Header): number {
  const pixels = width * height;
  const samples = kind === '3' || kind === '6' ? 3 * pixels : pixels;
  if (kind === '1') return pixels;
  if (kind === '2' || kind === '3') return 2 * samples - 1; // a digit and a space
  if (kind === '4') return Math.ceil(width / 8) * height;
  return samples * (kind === 'f' ? 4 : white > 255 ? 2 : 1);
}

function unpackBits(body: Uint8Array, { width, height }: Header): Uint8Array {
  const gray = new Uint8Array(width * height);
  const stride = Math.ceil(width / 8);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const byte = body[y * stride + (x >> 3)] as number;
      gray[to++] = (byte >> (7 - (x & 7))) & 1 ? 0 : 255;
    }
  }
  return gray;
}

function samplesOf(body: Uint8Array, count: number, white: number): Uint8Array | Uint16Array {
  if (white <= 255) return body.subarray(0, count);
  const samples = new Uint16Array(count);
  for (let i = 0; i < count; i++) samples[i] = ((body[2 * i] as number) << 8) | (body[2 * i + 1] as number);
  return samples;
}

function* grayOf(samples: Uint8Array | Uint16Array, white: number): Sliced<Uint8Array> {
  if (white <= 255) return yield* grayToRgb(yield* scaled(samples, white));
  warnOfDeparture('16-bit gray');
  const wide = new Uint16Array(samples.length);
  const table = scaleTable(white, 65535);
  for (let i = 0; i < samples.length; i++) wide[i] = table[samples[i] as number] as number;
  return yield* wideGrayToRgb(wide);
}

/** Samples as bytes, white as 255. */
function* scaled(samples: Uint8Array | Uint16Array, white: number): Sliced<Uint8Array> {
  if (white === 255) return Uint8Array.from(samples);
  const table = scaleTable(white, 255);
  const bytes = new Uint8Array(samples.length);
  for (let i = 0; i < samples.length; i++) {
    bytes[i] = table[samples[i] as number] as number;
    if ((i & 0xffff) === 0xffff) yield;
  }
  return bytes;
}

/** What each raw value becomes; those above white stay at the top. */
function scaleTable(white: number, top: number): Uint16Array {
  const size = white > 255 ? 65536 : 256;
  return Uint16Array.from({ length: size }, (_, value) =>
    Math.min(top, roundHalfEven((value / white) * top)),
  );
}

/** Python's `round`. */
function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

/** Rows stand from the bottom. Values are cut to 0 to 255, as Pillow's conversion from F does. */
function floatGray(body: Uint8Array, { width, height, white }: Header): Uint8Array {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const gray = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0, from = 4 * width * (height - 1 - y); x < width; x++, from += 4) {
      const value = view.getFloat32(from, white < 0);
      gray[y * width + x] = value >= 255 ? 255 : value > 0 ? value : 0;
    }
  }
  return gray;
}
