import { truncated, Unreadable, unsupported } from './unreadable.ts';

/** What the headers of a bitmap say about its pixels. */
export interface BmpHeader {
  readonly width: number;
  readonly height: number;
  readonly topDown: boolean;
  readonly bits: number;
  /** Where the pixels begin. */
  readonly offset: number;
  /** Bits of an index in compressed data. */
  readonly rle: 4 | 8 | undefined;
  /** RGB of 256 indices; for 1, 4 and 8 bits. */
  readonly palette: Uint8Array | undefined;
  /** For 24 and 32 bits: where R, G and B stand in a pixel, and its bytes. */
  readonly order: readonly [red: number, green: number, blue: number, size: number];
  /** For 16 bits. */
  readonly fields: '555' | '565';
}

interface Info {
  readonly size: number;
  readonly width: number;
  readonly height: number;
  readonly topDown: boolean;
  readonly bits: number;
  readonly compression: number;
  readonly colors: number;
}

const LONG_HEADERS = [40, 52, 56, 64, 108, 124];
const BITFIELDS = 3;
const BGR = [2, 1, 0] as const;

// Masks of R, G, B and alpha that Pillow knows for 32 bits, and where R, G and B stand.
const MASKS_32: readonly (readonly [string, readonly [number, number, number]])[] = [
  ['ff0000 ff00 ff 0', BGR],
  ['ff0000 ff00 ff ff000000', BGR],
  ['0 0 0 0', BGR],
  ['ff000000 ff0000 ff00 0', [3, 2, 1]],
  ['ff000000 ff0000 ff00 ff', [3, 2, 1]],
  ['ff000000 ff00 ff 0', [3, 1, 0]],
  ['ff000000 ff00 ff ff0000', [3, 1, 0]],
  ['ff ff00 ff0000 ff000000', [0, 1, 2]],
];

/** Reads the headers at `at` as Pillow's BmpImagePlugin (12.3) does, and refuses what it refuses. */
export function readBmpHeader(file: Buffer, at: 0 | 14): BmpHeader {
  const info = readInfo(file, at);
  const { bits, compression, size, colors } = info;
  const hasPalette = bits <= 8;
  const entry = size === 12 ? 3 : 4;
  const masks = compression === BITFIELDS ? readMasks(file, at, size) : undefined;
  const paletteAt = at + size + (masks !== undefined && size === 40 ? 12 : 0);
  const palette = hasPalette ? readPalette(file, paletteAt, entry, colors, info) : undefined;
  const afterPalette = paletteAt + (hasPalette ? entry * colors : 0);
  let offset = at === 14 ? file.readUInt32LE(10) : 0;
  // Some writers point at the palette.
  if (offset === 14 + size && hasPalette) offset += entry * colors;
  const layout = layoutOf(bits, masks);
  const rle = compression === 1 ? 8 : compression === 2 ? 4 : undefined;
  return { ...info, ...layout, offset: offset || afterPalette, rle, palette };
}

function readInfo(file: Buffer, at: number): Info {
  if (file.length < at + 4) throw truncated();
  const size = file.readUInt32LE(at);
  if (size !== 12 && !LONG_HEADERS.includes(size)) throw unsupported(`a BMP with a header of ${size} bytes`);
  if (file.length < at + size) throw truncated();
  const info = size === 12 ? readShortInfo(file, at) : readLongInfo(file, at, size);
  checkKind(info);
  return info;
}

function readShortInfo(file: Buffer, at: number): Info {
  const bits = file.readUInt16LE(at + 10);
  return {
    size: 12,
    width: file.readUInt16LE(at + 4),
    height: file.readUInt16LE(at + 6),
    topDown: false,
    bits,
    compression: 0,
    colors: 2 ** bits,
  };
}

function readLongInfo(file: Buffer, at: number, size: number): Info {
  const topDown = file[at + 11] === 0xff;
  const height = file.readUInt32LE(at + 8);
  const bits = file.readUInt16LE(at + 14);
  return {
    size,
    width: file.readUInt32LE(at + 4),
    height: topDown ? 2 ** 32 - height : height,
    topDown,
    bits,
    compression: file.readUInt32LE(at + 16),
    colors: file.readUInt32LE(at + 32) || 2 ** bits,
  };
}

function checkKind({ bits, compression, colors }: Info): void {
  if (![1, 4, 8, 16, 24, 32].includes(bits)) throw unsupported(`a BMP of ${bits} bits a pixel`);
  if (compression > BITFIELDS) throw unsupported(`a BMP of compression ${compression}`);
  if (compression === BITFIELDS && bits < 16) throw unsupported(`a BMP of ${bits} bits with bit fields`);
  // Pillow tries run lengths of 16-bit pixels and fails.
  if ((compression === 1 || compression === 2) && bits > 8) {
    throw unsupported(`a BMP of ${bits} bits with run lengths`);
  }
  if (bits <= 8 && colors > 256) throw new Unreadable(`its palette has ${colors} colours`);
}

function readMasks(file: Buffer, at: number, size: number): string {
  const hasAlpha = size >= 56;
  const count = hasAlpha ? 4 : 3;
  if (file.length < at + 40 + 4 * count) throw truncated();
  const masks = Array.from({ length: count }, (_, index) => file.readUInt32LE(at + 40 + 4 * index));
  return [...masks, ...(hasAlpha ? [] : [0])].map((mask) => mask.toString(16)).join(' ');
}

function layoutOf(bits: number, masks: string | undefined): Pick<BmpHeader, 'order' | 'fields'> {
  const plain = { order: [...BGR, bits >> 3], fields: '555' } as const;
  if (masks === undefined) return plain;
  const refused = unsupported(`a BMP of ${bits} bits with the bit fields ${masks}`);
  if (bits === 32) {
    const found = MASKS_32.find(([known]) => known === masks);
    if (found === undefined) throw refused;
    return { ...plain, order: [...found[1], 4] };
  }
  const rgb = masks.split(' ').slice(0, 3).join(' ');
  if (bits === 24 && rgb === 'ff0000 ff00 ff') return plain;
  if (bits === 16 && rgb === '7c00 3e0 1f') return plain;
  if (bits === 16 && rgb === 'f800 7e0 1f') return { ...plain, fields: '565' };
  throw refused;
}

/** The palette as RGB, black beyond its end. */
function readPalette(file: Buffer, at: number, entry: number, colors: number, info: Info): Uint8Array {
  if (file.length < at + entry * colors) throw truncated();
  const palette = new Uint8Array(3 * 256);
  for (let index = 0; index < colors; index++) {
    const from = at + entry * index;
    palette.set([file[from + 2] as number, file[from + 1] as number, file[from] as number], 3 * index);
  }
  return isRamp(palette, colors, info) ? RAMP : palette;
}

const RAMP = Uint8Array.from({ length: 3 * 256 }, (_, at) => Math.floor(at / 3));

/**
 * Whether a palette has nothing but the indices themselves for shades of gray, which Pillow goes on with beyond its end.
 * Pillow takes such a palette for eight bits a pixel, and one of black and white for one bit, whatever the file says,
 * and reads pixels of another size wrongly: those are refused.
 */
function isRamp(palette: Uint8Array, colors: number, { bits }: Info): boolean {
  const gray = (index: number, value: number) =>
    palette.subarray(3 * index, 3 * index + 3).every((byte) => byte === value);
  const indices = Array.from({ length: colors }, (_, index) => (colors === 2 ? 255 * index : index));
  if (!indices.every((value, index) => gray(index, value))) return false;
  const assumed = colors === 2 ? 1 : 8;
  if (bits === assumed) return colors !== 2;
  throw unsupported(`a BMP of ${bits} bits with ${colors} shades of gray`);
}
