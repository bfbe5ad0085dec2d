import type { Pixels, Sliced } from './pixels.ts';

/** Turns and mirrors an image upright by its EXIF orientation, 1 to 8; others leave it as it is. */
export function* upright(pixels: Pixels, orientation: number): Sliced<Pixels> {
  const { data } = pixels;
  const way = wayThrough(pixels, orientation);
  if (way === undefined) return pixels;
  const [origin, right, down] = way;
  const isTurned = orientation >= 5;
  const width = isTurned ? pixels.height : pixels.width;
  const height = isTurned ? pixels.width : pixels.height;
  const turned = new Uint8Array(data.length);
  for (let y = 0, to = 0; y < height; y++) {
    let from = 3 * (origin + y * down);
    for (let x = 0; x < width; x++, from += 3 * right) {
      turned[to++] = data[from] as number;
      turned[to++] = data[from + 1] as number;
      turned[to++] = data[from + 2] as number;
    }
    if ((y & 7) === 7) yield;
  }
  return { data: turned, width, height };
}

type Way = readonly [origin: number, right: number, down: number];

/** Which stored pixel is shown first, and how many pixels further the next to the right and the next below are. */
function wayThrough({ width, height }: Pixels, orientation: number): Way | undefined {
  const lastRow = width * (height - 1);
  const last = width * height - 1;
  const ways: Record<number, Way> = {
    2: [width - 1, -1, width],
    3: [last, -1, -width],
    4: [lastRow, 1, -width],
    5: [0, width, 1],
    6: [lastRow, -width, 1],
    7: [last, -width, -1],
    8: [width - 1, width, -1],
  };
  return ways[orientation];
}
