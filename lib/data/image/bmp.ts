import { type BmpHeader, readBmpHeader } from './bmp-header.ts';
import { decodeBmpRle } from './bmp-rle.ts';
import { checkSize, type Pixels, type Sliced } from './pixels.ts';
import { truncated } from './unreadable.ts';

/**
 * Decodes a Windows or OS/2 bitmap to RGB as Pillow's BmpImagePlugin (12.3): 1, 4, 8, 16, 24 and 32 bits, bit fields,
 * RLE4 and RLE8, rows upwards or downwards.
 *
 * @param headerAt 14 for a file, 0 for a bitmap without the file's header (.dib)
 */
export function* decodeBmp(bytes: Uint8Array, headerAt: 0 | 14, maxPixels: number): Sliced<Pixels> {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const header = readBmpHeader(file, headerAt);
  const { width, height } = header;
  checkSize(width, height, maxPixels);
  if (header.rle !== undefined) {
    const indices = yield* decodeBmpRle(file, header.rle, header);
    return { data: yield* toRgb(indices, width, header), width, height };
  }
  const stride = ((width * header.bits + 31) >> 3) & ~3;
  // The last row may lack the bytes that fill it up.
  const needed = stride * (height - 1) + Math.ceil((width * header.bits) / 8);
  if (file.length - header.offset < needed) throw truncated();
  return { data: yield* toRgb(file.subarray(header.offset), stride, header), width, height };
}

/** Turns rows of `stride` bytes, of indices or of colours, into RGB from the top. */
function* toRgb(rows: Uint8Array, stride: number, header: BmpHeader): Sliced<Uint8Array> {
  const { width, height } = header;
  const rgb = new Uint8Array(3 * width * height);
  const unpack = unpackerOf(header);
  for (let y = 0; y < height; y++) {
    const target = 3 * width * (header.topDown ? y : height - 1 - y);
    unpack(rows, y * stride, rgb, target, width);
    if ((y & 15) === 15) yield;
  }
  return rgb;
}

type Unpack = (rows: Uint8Array, from: number, rgb: Uint8Array, to: number, width: number) => void;

function unpackerOf({ bits, rle, palette, order, fields }: BmpHeader): Unpack {
  if (palette !== undefined) return unpackIndices(rle === undefined ? bits : 8, palette);
  return bits === 16 ? unpackFields(fields) : unpackBytes(order);
}

function unpackIndices(bits: number, palette: Uint8Array): Unpack {
  const mask = (1 << bits) - 1;
  const perByte = 8 / bits;
  return (rows, from, rgb, to, width) => {
    for (let x = 0; x < width; x++) {
      const byte = rows[from + Math.floor(x / perByte)] as number;
      const index = (byte >> (8 - bits * ((x % perByte) + 1))) & mask;
      rgb[to++] = palette[3 * index] as number;
      rgb[to++] = palette[3 * index + 1] as number;
      rgb[to++] = palette[3 * index + 2] as number;
    }
  };
}

/** `order`: where R, G and B stand in a pixel, and its bytes. */
function unpackBytes([red, green, blue, size]: BmpHeader['order']): Unpack {
  return (rows, from, rgb, to, width) => {
    for (let x = 0; x < width; x++, from += size) {
      rgb[to++] = rows[from + red] as number;
      rgb[to++] = rows[from + green] as number;
      rgb[to++] = rows[from + blue] as number;
    }
  };
}

/** 16 bits: five of each colour, or six of green; scaled to 255 and cut as Pillow does (Unpack.c). */
function unpackFields(fields: '555' | '565'): Unpack {
  const [redShift, greenMax] = fields === '565' ? [11, 63] : [10, 31];
  const scaled = (value: number, max: number) => Math.floor((value * 255) / max);
  return (rows, from, rgb, to, width) => {
    for (let x = 0; x < width; x++, from += 2) {
      const pixel = (rows[from] as number) | ((rows[from + 1] as number) << 8);
      rgb[to++] = scaled((pixel >> redShift) & 31, 31);
      rgb[to++] = scaled((pixel >> 5) & greenMax, greenMax);
      rgb[to++] = scaled(pixel & 31, 31);
    }
  };
}
