import { decodeLzw } from './gif-lzw.ts';
import { checkSize, type Pixels, type Sliced } from './pixels.ts';
import { truncated, Unreadable } from './unreadable.ts';

interface Frame {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  readonly interlaced: boolean;
  /** RGB of the indices; undefined where they are shades of gray themselves. */
  readonly palette: Uint8Array | undefined;
  /** The index that shows the background. */
  readonly transparent: number | undefined;
  /** Where the compressed data begins. */
  readonly offset: number;
}

const EXTENSION = 0x21;
const IMAGE = 0x2c;
const TRAILER = 0x3b;
const GRAPHIC_CONTROL = 0xf9;
const COMMENT = 0xfe;

/**
 * Decodes the first frame of a GIF to RGB as Pillow's GifImagePlugin (12.3): transparent pixels keep the colour that the
 * palette has for them, and what the frame leaves free has the transparent index, else index 0.
 */
export function* decodeGif(bytes: Uint8Array, maxPixels: number): Sliced<Pixels> {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (file.length < 13) throw truncated();
  const global = readPalette(file, 13, file[10] as number);
  const frame = readFrame(file, 13 + global.bytes, global.palette);
  const width = Math.max(file.readUInt16LE(6), frame.left + frame.width);
  const height = Math.max(file.readUInt16LE(8), frame.top + frame.height);
  checkSize(width, height, maxPixels);
  if (frame.width === 0 || frame.height === 0) throw new Unreadable('its first frame is empty');
  const indices = yield* decodeLzw(file, frame.offset, frame.width * frame.height);
  const canvas = new Uint8Array(width * height).fill(frame.transparent ?? 0);
  for (let row = 0; row < frame.height; row++) {
    const y = frame.top + (frame.interlaced ? interlacedRow(row, frame.height) : row);
    canvas.set(indices.subarray(row * frame.width, (row + 1) * frame.width), y * width + frame.left);
    if ((row & 63) === 63) yield;
  }
  return { data: yield* colour(canvas, frame.palette), width, height };
}

/** `flags` tell whether a palette follows, and its size. One of the indices themselves counts as none. */
function readPalette(file: Buffer, at: number, flags: number) {
  const bytes = flags & 0x80 ? 3 << ((flags & 7) + 1) : 0;
  if (file.length < at + bytes) throw truncated();
  const colours = file.subarray(at, at + bytes);
  const isRamp = colours.every((value, index) => value === Math.floor(index / 3));
  return { bytes, palette: isRamp ? undefined : colours };
}

/** Finds the first image, past extensions and what is none, as Pillow does. */
function readFrame(file: Buffer, start: number, global: Uint8Array | undefined): Frame {
  let transparent: number | undefined;
  let at = start;
  while (at < file.length && file[at] !== TRAILER) {
    const kind = file[at++];
    if (kind === IMAGE) return readDescriptor(file, at, global, transparent);
    if (kind !== EXTENSION) continue;
    const label = file[at++];
    const size = file[at] ?? 0;
    if (label === GRAPHIC_CONTROL && size > 0) {
      if (size < 4) throw new Unreadable('a graphic control of its is too short');
      if ((file[at + 1] as number) & 1) transparent = file[at + 4];
    }
    at = skipBlocks(file, size === 0 && label !== COMMENT ? at + 1 : at);
  }
  throw at < file.length ? new Unreadable('it holds no image') : truncated();
}

/** The place after the blocks that begin at `at` and the empty one that ends them. */
function skipBlocks(file: Buffer, at: number): number {
  let next = at;
  while (next < file.length && file[next] !== 0) next += 1 + (file[next] as number);
  return next + 1;
}

function readDescriptor(
  file: Buffer,
  at: number,
  global: Uint8Array | undefined,
  transparent: number | undefined,
): Frame {
  if (file.length < at + 9) throw truncated();
  const flags = file[at + 8] as number;
  const local = readPalette(file, at + 9, flags);
  return {
    left: file.readUInt16LE(at),
    top: file.readUInt16LE(at + 2),
    width: file.readUInt16LE(at + 4),
    height: file.readUInt16LE(at + 6),
    interlaced: (flags & 0x40) !== 0,
    // Pillow means to show the indices of a local ramp as gray, and shows the global colours where there are any.
    palette: local.palette ?? global,
    transparent,
    offset: at + 9 + local.bytes,
  };
}

/** Rows 0, 8, 16 ... come first, then 4, 12 ..., 2, 6 ... and 1, 3 ... */
function interlacedRow(row: number, height: number): number {
  let rest = row;
  for (const [first, step] of [
    [0, 8],
    [4, 8],
    [2, 4],
    [1, 2],
  ] as const) {
    const rows = Math.ceil(Math.max(0, height - first) / step);
    if (rest < rows) return first + rest * step;
    rest -= rows;
  }
  return row;
}

/** Indices past the palette's end are black. */
function* colour(indices: Uint8Array, palette: Uint8Array | undefined): Sliced<Uint8Array> {
  const table = new Uint8Array(3 * 256);
  if (palette !== undefined) table.set(palette);
  else for (let i = 0; i < table.length; i++) table[i] = Math.floor(i / 3);
  const rgb = new Uint8Array(3 * indices.length);
  for (let at = 0, to = 0; at < indices.length; at++) {
    const from = 3 * (indices[at] as number);
    rgb[to++] = table[from] as number;
    rgb[to++] = table[from + 1] as number;
    rgb[to++] = table[from + 2] as number;
    if ((at & 0xffff) === 0xffff) yield;
  }
  return rgb;
}
