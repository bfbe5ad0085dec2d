import {
  checkChoice,
  checkCount,
  checkOptions,
  checkText,
  checkTexts,
  describeValue,
} from '../../../options.ts';
import { EMOJI_STYLES } from '../emoji-styles/index.ts';

/** Options of how scenes look, of {@link Scenes.load} and `writeScenes`. */
export interface SceneLook {
  /** Height and width in pixels, 32 to 1024 each. Default `[128, 192]`. */
  size?: readonly [height: number, width: number];
  /** The least and the most things in a scene. Default `[4, 9]`. */
  things?: readonly [least: number, most: number];
  /** Share of scenes on two plain colours in place of a photograph. Default 0.25. */
  plain?: number;
  /** Default 0. */
  seed?: number;
  /** The folder whose `node_modules` has the icon packages, as in `EmojiStyles.load`. */
  packages?: string;
  /** The folder for what was drawn, as in `EmojiStyles.load`. */
  cache?: string | null;
}

/** Options of {@link Scenes.load}. */
export interface ScenesOptions extends SceneLook {
  /** A name of `EMOJI_STYLES`: whose hand draws. */
  style: string;
  /** Photographs to stand on: files, or a folder that is searched through. */
  photographs: string | readonly string[];
  /** How many scenes there are. Default 400. */
  length?: number;
}

export const LOOK = ['size', 'things', 'plain', 'seed', 'packages', 'cache'];

/** Options of how scenes look with their defaults, checked. */
export function readLook(owner: string, options: SceneLook) {
  const { size = [128, 192], things = [4, 9], plain = 0.25, seed = 0, packages, cache } = options;
  const [height, width] = checkPair(owner, 'size', size, 32, 1024);
  const [least, most] = checkPair(owner, 'things', things, 1, 100);
  if (least > most)
    throw new RangeError(
      `Expected the least before the most for ${owner} things, got [${things.join(', ')}]`,
    );
  if (typeof plain !== 'number' || !(plain >= 0 && plain <= 1))
    throw new RangeError(`Expected a share from 0 to 1 for ${owner} plain, got ${describeValue(plain)}`);
  if (!Number.isSafeInteger(seed))
    throw new RangeError(`Expected an integer for ${owner} seed, got ${describeValue(seed)}`);
  if (packages !== undefined) checkText(`${owner} packages`, 'a path', packages);
  if (cache !== undefined && cache !== null) checkText(`${owner} cache`, 'a path or null', cache);
  return { height, width, least, most, plain, seed, packages, cache };
}

/** How scenes look, checked. */
export type Look = ReturnType<typeof readLook>;

/** Options of {@link Scenes.load} with their defaults, checked. */
export function readOptions(options: ScenesOptions) {
  checkOptions('Scenes', options ?? null, ['style', 'photographs', 'length', ...LOOK]);
  const { style, photographs, length = 400 } = options;
  checkStyle('Scenes style', style);
  checkPhotographs('Scenes photographs', photographs);
  checkCount('Scenes', 'length', length);
  return { style, photographs, length, look: readLook('Scenes', options) };
}

/** Refuses what is no style of emoji. */
export function checkStyle(owner: string, style: unknown): void {
  const names = EMOJI_STYLES.map(({ name }) => name);
  const [name = '', what = ''] = owner.split(' ');
  checkChoice(name, what, style, names);
}

/** Refuses what names no files. */
export function checkPhotographs(owner: string, photographs: unknown): void {
  if (typeof photographs !== 'string') checkTexts(owner, 'paths, or a folder', photographs);
}

function checkPair(owner: string, name: string, pair: unknown, low: number, high: number): [number, number] {
  const isNumber = (value: unknown) =>
    Number.isInteger(value) && (value as number) >= low && (value as number) <= high;
  if (Array.isArray(pair) && pair.length === 2 && pair.every(isNumber)) return pair as [number, number];
  const got = Array.isArray(pair) ? `[${pair.join(', ')}]` : describeValue(pair);
  throw new RangeError(`Expected two whole numbers from ${low} to ${high} for ${owner} ${name}, got ${got}`);
}
