import { scope } from '../../../tensor/index.ts';
import { DatasetError } from '../../errors.ts';
import { drawerVersions, EmojiStyles } from '../emoji-styles/index.ts';
import type { Bitmap } from './bitmap.ts';
import { labelOf, SCENE_CLASSES, THINGS } from './classes.ts';
import type { Look } from './options.ts';

/** The drawings of one style by class. */
export interface Drawings {
  /** Version of the style's package. */
  readonly version: string;
  /** Versions of sharp and of what it draws with. */
  readonly drawnBy: Readonly<Record<string, string>>;
  /** How many there are of each class, `THINGS` in order. */
  readonly counts: readonly number[];
  /** A drawing, cut to what can be seen of it, colours multiplied by alpha. */
  get(label: number, index: number): Bitmap;
}

/** Loads a style's drawings, large enough for scenes of a height. */
export async function loadDrawings(
  style: string,
  { height, packages, cache }: Pick<Look, 'height' | 'packages' | 'cache'>,
): Promise<Drawings> {
  const size = Math.min(256, Math.max(64, height));
  const emoji = await EmojiStyles.load({
    ...{ styles: [style], size },
    ...(packages === undefined ? {} : { packages }),
    ...(cache === undefined ? {} : { cache }),
  });
  const byClass: number[][] = THINGS.map(() => []);
  emoji.samples.forEach((sample, index) => {
    const label = labelOf(sample.emoji);
    if (label !== undefined) byClass[label - 1]?.push(index);
  });
  const empty = byClass.findIndex((indices) => indices.length === 0);
  if (empty >= 0)
    throw new DatasetError(
      `Expected drawings of every class of scenes, got no ${SCENE_CLASSES[empty + 1]} of ${style}; take another style`,
      { code: 'ERR_DATASET_EMPTY_CLASS', path: style },
    );
  return {
    version: emoji.report[0]?.version as string,
    drawnBy: await drawerVersions(),
    counts: byClass.map((indices) => indices.length),
    get: (label, index) => drawing(emoji, byClass[label - 1]?.[index] as number, size),
  };
}

function drawing(emoji: EmojiStyles, index: number, size: number): Bitmap {
  const planes = scope(() => emoji.pictures([index]).data()) as Uint8Array;
  const area = size * size;
  const { left, top, right, bottom } = seen(planes.subarray(3 * area), size);
  const [width, height] = [right - left, bottom - top];
  const data = new Float32Array(4 * width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = (top + y) * size + left + x;
      const alpha = planes[3 * area + from] as number;
      for (let channel = 0; channel < 3; channel++)
        data[4 * (y * width + x) + channel] = ((planes[channel * area + from] as number) * alpha) / 255;
      data[4 * (y * width + x) + 3] = alpha;
    }
  }
  return { data, width, height, channels: 4 };
}

/** The smallest rectangle with all that is not nearly transparent. */
function seen(alpha: Uint8Array, size: number) {
  let [left, top, right, bottom] = [size, size, 0, 0];
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      if ((alpha[y * size + x] as number) < 8) continue;
      [left, right] = [Math.min(left, x), Math.max(right, x + 1)];
      [top, bottom] = [Math.min(top, y), Math.max(bottom, y + 1)];
    }
  }
  return right > left ? { left, top, right, bottom } : { left: 0, top: 0, right: 1, bottom: 1 };
}
