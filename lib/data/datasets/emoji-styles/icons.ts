import { type Emoji, plainCodes } from './emoji.ts';
import type { Packages } from './packages.ts';
import type { EmojiStyle } from './styles.ts';

/** Draws an icon's SVG from Iconify's JSON: aliases, flips, view boxes. */
export const SVG_PACKAGE = '@iconify/utils';

interface IconSet {
  readonly icons: Readonly<Record<string, { readonly hidden?: boolean }>>;
  readonly aliases?: Readonly<Record<string, { readonly hidden?: boolean }>>;
}

interface Svg {
  readonly body: string;
  readonly attributes: Readonly<Record<string, string>>;
}

interface Iconify {
  getIconData(set: IconSet, name: string): object | null;
  iconToSVG(icon: object, size: { width: string; height: string }): Svg;
  iconToHTML(body: string, attributes: Svg['attributes']): string;
}

/** An emoji and its drawing. */
export interface Drawing {
  readonly emoji: Emoji;
  readonly svg: string;
}

/**
 * The SVG of every emoji that a style has, in the order of `emoji`. A set's own table of characters says which icon it is;
 * without one, the icon's name, which is Unicode's name of the emoji.
 */
export async function readDrawings(
  style: EmojiStyle,
  emoji: readonly Emoji[],
  size: number,
  packages: Packages,
): Promise<Drawing[]> {
  const set = packages.json<IconSet>(style.package, 'icons.json');
  const chars = packages.json<Record<string, string>>(style.chars ?? style.package, 'chars.json');
  const { getIconData, iconToSVG, iconToHTML } = await packages.module<Iconify>(SVG_PACKAGE);
  const nameOf = iconNames(set, chars);
  const sides = { width: String(size), height: String(size) };
  return emoji.flatMap((each) => {
    const name = nameOf(each);
    const icon = name === undefined ? null : getIconData(set, name);
    if (icon === null) return [];
    const { body, attributes } = iconToSVG(icon, sides);
    return [{ emoji: each, svg: iconToHTML(body, attributes) }];
  });
}

function iconNames(
  set: IconSet,
  chars: Readonly<Record<string, string>>,
): (emoji: Emoji) => string | undefined {
  const known = new Set(
    [...Object.entries(set.icons), ...Object.entries(set.aliases ?? {})].map(([name]) => name),
  );
  const byCodes = new Map(Object.entries(chars).map(([codes, name]) => [plainCodes(codes), name]));
  const byLetters = new Map([...known].map((name) => [lettersOf(name), name]));
  return ({ codes, name }) => {
    const icon = byCodes.get(codes);
    return icon !== undefined && known.has(icon) ? icon : byLetters.get(lettersOf(name));
  };
}

/** `man-s-shoe`, `mansshoe` and "man's shoe" are one name. */
function lettersOf(name: string): string {
  const spelt = name.replace('#', 'hash').replace('*', 'asterisk').replace('&', 'and');
  return spelt
    .normalize('NFD')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, '');
}
