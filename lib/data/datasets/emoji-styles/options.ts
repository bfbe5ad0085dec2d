import { checkFlag, checkOptions, checkText, checkTexts, describeValue } from '../../../options.ts';
import type { Transform } from '../../transforms/transform.ts';
import { checkTransform } from '../dataset.ts';
import { EMOJI_STYLES, emojiStyle } from './styles.ts';

/** What is one class: Unicode's nine groups, its hundred subgroups, or each emoji by itself. */
export type EmojiClasses = 'group' | 'subgroup' | 'emoji';

/** Red, green and blue, 0 to 255. */
export type Colour = readonly [red: number, green: number, blue: number];

/** Options of `EmojiStyles.load`. */
export interface EmojiStylesOptions {
  /** Names of {@link EMOJI_STYLES}. Default the five modern ones. */
  styles?: readonly string[];
  /** Pixels of a side, 8 to 256. Default 64. */
  size?: number;
  /** Default `'group'`. */
  classes?: EmojiClasses;
  /** Only emoji that all of these styles have. Default: those that any of `styles` has. */
  inAll?: readonly string[];
  /** Leaves out classes with fewer emoji. Default 1. */
  minPerClass?: number;
  /** What `get` lays pictures on. Default white. */
  background?: Colour;
  /** Applied to each picture that `get` returns, a `uint8` tensor (3, size, size). */
  transform?: Transform;
  /** The folder whose `node_modules` has the icon packages. Default the working folder, then where this package lies. */
  packages?: string;
  /** The folder for what was drawn. Default `emoji-styles` in the package's cache folder; null: nothing is kept. */
  cache?: string | null;
}

const OPTIONS = [
  'styles',
  'size',
  'classes',
  'inAll',
  'minPerClass',
  'background',
  'transform',
  'packages',
  'cache',
];

const MODERN = EMOJI_STYLES.filter((style) => style.era === 'modern').map((style) => style.name);

/** Options with their defaults, checked. */
export function readOptions(options: EmojiStylesOptions) {
  checkOptions('EmojiStyles', options, OPTIONS);
  const { styles = MODERN, size = 64, classes = 'group', inAll = [], minPerClass = 1 } = options;
  const { background = [255, 255, 255], transform, packages, cache } = options;
  checkStyles('EmojiStyles styles', styles, 1);
  checkStyles('EmojiStyles inAll', inAll, 0);
  checkWhole('size', size, 8, 256);
  checkWhole('minPerClass', minPerClass, 1, 1000);
  if (!['group', 'subgroup', 'emoji'].includes(classes)) {
    throw new RangeError(
      `Expected "group", "subgroup" or "emoji" for EmojiStyles classes, got ${describeValue(classes)}`,
    );
  }
  checkColour('EmojiStyles background', background);
  checkTransform('EmojiStyles', transform);
  if (packages !== undefined) checkText('EmojiStyles packages', 'a path', packages);
  if (cache !== undefined && cache !== null) checkText('EmojiStyles cache', 'a path or null', cache);
  return { styles, size, classes, inAll, minPerClass, background, transform, packages, cache };
}

/** Options of `EmojiStyles.splitByStyle`. */
export interface StyleSplitOptions {
  train: readonly string[];
  test: readonly string[];
  /** Allows fluent-emoji on one side and fluent-emoji-flat on the other. Default false. */
  sharedGeometry?: boolean;
}

/** Refuses what is no split, and styles that the data set does not have. */
export function checkSplit(options: StyleSplitOptions, styles: readonly string[]): void {
  checkOptions('splitByStyle', options, ['train', 'test', 'sharedGeometry']);
  for (const side of ['train', 'test'] as const) {
    checkStyles(`splitByStyle ${side}`, options[side], 1);
    checkAmong(`splitByStyle ${side}`, options[side], styles);
  }
  const { sharedGeometry = false } = options;
  checkFlag('splitByStyle sharedGeometry', sharedGeometry);
}

/** Refuses styles that were not loaded. */
export function checkAmong(owner: string, names: readonly string[], styles: readonly string[]): void {
  const other = names.find((name) => !styles.includes(name));
  if (other === undefined) return;
  throw new RangeError(
    `Expected styles that were loaded for ${owner}, got "${other}"; they are ${styles.join(', ')}`,
  );
}

/** Refuses all but names of styles, each once. */
export function checkStyles(
  owner: string,
  names: unknown,
  least: number,
): asserts names is readonly string[] {
  checkTexts(owner, 'names of styles', names);
  names.forEach(emojiStyle);
  if (names.length < least) throw new RangeError(`Expected names of styles for ${owner}, got none`);
  const again = names.find((name, i) => names.indexOf(name) !== i);
  if (again !== undefined)
    throw new RangeError(`Expected each style once for ${owner}, got "${again}" twice`);
}

/** Refuses all but three numbers of 0 to 255. */
export function checkColour(owner: string, colour: unknown): asserts colour is Colour {
  const isColour =
    Array.isArray(colour) &&
    colour.length === 3 &&
    colour.every((value) => Number.isInteger(value) && value >= 0 && value <= 255);
  if (isColour) return;
  const got = Array.isArray(colour) ? `[${colour.join(', ')}]` : describeValue(colour);
  throw new RangeError(`Expected [red, green, blue] of 0 to 255 for ${owner}, got ${got}`);
}

function checkWhole(name: string, value: unknown, least: number, most: number): void {
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return;
  throw new RangeError(
    `Expected a whole number from ${least} to ${most} for EmojiStyles ${name}, got ${describeValue(value)}`,
  );
}
