/** A picture of interleaved channels, 0 to 255. */
export interface Bitmap {
  readonly data: Float32Array | Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly channels: number;
}

/** A part of a bitmap; its corners may lie between pixels. */
export interface Region {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

interface Taps {
  readonly first: number;
  readonly weights: Float64Array;
}

/**
 * Brings a region of a bitmap to a size by a triangle filter that widens where it becomes smaller, as Pillow's bilinear. Plain
 * arithmetic in JavaScript: the numbers are the same on every processor.
 */
export function resample(source: Bitmap, region: Region, width: number, height: number): Bitmap {
  const { channels } = source;
  const columns = tapsOf(region.left, region.width, width, source.width);
  const rows = tapsOf(region.top, region.height, height, source.height);
  const top = (rows[0] as Taps).first;
  const last = rows.at(-1) as Taps;
  const across = alongRows(source, columns, top, last.first + last.weights.length);
  const data = new Float32Array(width * height * channels);
  const line = width * channels;
  rows.forEach(({ first, weights }, y) => {
    weights.forEach((weight, i) => {
      const from = (first - top + i) * line;
      for (let at = 0; at < line; at++)
        data[y * line + at] = (data[y * line + at] as number) + weight * (across[from + at] as number);
    });
  });
  return { data, width, height, channels };
}

/** Lines `from` to `end` of a bitmap, brought to as many columns as there are taps. */
function alongRows(source: Bitmap, columns: readonly Taps[], from: number, end: number): Float32Array {
  const { data, width, channels } = source;
  const line = columns.length * channels;
  const result = new Float32Array((end - from) * line);
  for (let y = from; y < end; y++) {
    columns.forEach(({ first, weights }, x) => {
      for (let channel = 0; channel < channels; channel++) {
        let sum = 0;
        for (let i = 0; i < weights.length; i++)
          sum += (weights[i] as number) * (data[(y * width + first + i) * channels + channel] as number);
        result[(y - from) * line + x * channels + channel] = sum;
      }
    });
  }
  return result;
}

/** What each of `count` pixels is made of, from `length` pixels at `start` of a line of `most`. */
function tapsOf(start: number, length: number, count: number, most: number): Taps[] {
  const scale = length / count;
  const support = Math.max(scale, 1);
  return Array.from({ length: count }, (_, i) => {
    const centre = start + (i + 0.5) * scale;
    const first = Math.min(most - 1, Math.max(0, Math.floor(centre - support + 0.5)));
    const end = Math.max(first + 1, Math.min(most, Math.floor(centre + support + 0.5)));
    const weights = Float64Array.from({ length: end - first }, (_, j) =>
      Math.max(0, 1 - Math.abs((first + j + 0.5 - centre) / support)),
    );
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return { first, weights: total > 0 ? weights.map((weight) => weight / total) : weights.fill(1, 0, 1) };
  });
}

/** Means of squares of `factor` pixels; what is left at the right and the bottom is cut off. */
export function shrink({ data, width, height, channels }: Bitmap, factor: number): Bitmap {
  const [wide, tall] = [Math.floor(width / factor), Math.floor(height / factor)];
  const sums = new Uint32Array(wide * tall * channels);
  for (let y = 0; y < tall * factor; y++) {
    const to = Math.floor(y / factor) * wide;
    for (let x = 0; x < wide * factor; x++) {
      const at = (to + Math.floor(x / factor)) * channels;
      const from = (y * width + x) * channels;
      for (let channel = 0; channel < channels; channel++)
        sums[at + channel] = (sums[at + channel] as number) + (data[from + channel] as number);
    }
  }
  const area = factor * factor;
  return {
    data: Uint8Array.from(sums, (sum) => Math.round(sum / area)),
    width: wide,
    height: tall,
    channels,
  };
}
