import type { Sliced } from './pixels.ts';

const SLICE_PIXELS = 1 << 16;

/** Repeats each gray value as R, G and B. */
export function* grayToRgb(gray: Uint8Array): Sliced<Uint8Array> {
  const rgb = new Uint8Array(3 * gray.length);
  for (let from = 0; from < gray.length; ) {
    const end = Math.min(gray.length, from + SLICE_PIXELS);
    for (let to = 3 * from; from < end; from++) {
      const value = gray[from] as number;
      rgb[to++] = value;
      rgb[to++] = value;
      rgb[to++] = value;
    }
    yield;
  }
  return rgb;
}

/** The upper eight bits of 16-bit gray, as R, G and B. */
export function* wideGrayToRgb(gray: Uint16Array): Sliced<Uint8Array> {
  const upper = new Uint8Array(gray.length);
  for (let at = 0; at < gray.length; at++) upper[at] = (gray[at] as number) >> 8;
  return yield* grayToRgb(upper);
}

/** CMYK pixels of `channels` bytes, ink first, by Pillow's conversion (Convert.c, 12.3). */
export function* cmykToRgb(cmyk: Uint8Array, channels: number): Sliced<Uint8Array> {
  const mixed = inkTable();
  const pixels = Math.floor(cmyk.length / channels);
  const rgb = new Uint8Array(3 * pixels);
  for (let at = 0; at < pixels; ) {
    const end = Math.min(pixels, at + SLICE_PIXELS);
    for (let from = at * channels, to = 3 * at; at < end; at++, from += channels) {
      const row = (255 - (cmyk[from + 3] as number)) << 8;
      rgb[to++] = mixed[row | (cmyk[from] as number)] as number;
      rgb[to++] = mixed[row | (cmyk[from + 1] as number)] as number;
      rgb[to++] = mixed[row | (cmyk[from + 2] as number)] as number;
    }
    yield;
  }
  return rgb;
}

/** Colours of pixels of `channels` bytes, R, G, B and alpha first, divided by alpha as Pillow does (Unpack.c, 12.3). */
export function* dividedByAlpha(pixels: Uint8Array, channels: number): Sliced<Uint8Array> {
  const count = Math.floor(pixels.length / channels);
  const rgb = new Uint8Array(3 * count);
  for (let at = 0; at < count; ) {
    const end = Math.min(count, at + SLICE_PIXELS);
    for (let from = at * channels, to = 3 * at; at < end; at++, from += channels) {
      const alpha = pixels[from + 3] as number;
      for (let colour = 0; colour < 3; colour++) {
        const value = Math.floor((255 * (pixels[from + colour] as number)) / alpha);
        rgb[to++] = alpha === 0 ? 0 : Math.min(255, value);
      }
    }
    yield;
  }
  return rgb;
}

let table: Uint8Array | undefined;

/** [light << 8 | ink], light = 255 - K: the light minus the ink's share of it, rounded. */
function inkTable(): Uint8Array {
  if (table !== undefined) return table;
  table = new Uint8Array(1 << 16);
  for (let light = 0; light < 256; light++) {
    for (let ink = 0; ink < 256; ink++) {
      const product = ink * light + 128;
      table[(light << 8) | ink] = Math.max(0, light - (((product >> 8) + product) >> 8));
    }
  }
  return table;
}
