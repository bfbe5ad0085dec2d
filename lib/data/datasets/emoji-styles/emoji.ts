import { checkIterable, describeValue } from '../../../options.ts';
import type { Packages } from './packages.ts';

/** Names emoji and their groups: the base ones, without tones of skin. */
export const NAMES_PACKAGE = 'unicode-emoji';

/** An emoji of Unicode's. */
export interface Emoji {
  readonly emoji: string;
  /** Code points in hexadecimal, joined by `-`, without variation selectors. */
  readonly codes: string;
  readonly name: string;
  /** Unicode's group, such as `'food-drink'`: nine. */
  readonly group: string;
  /** Unicode's subgroup, such as `'food-fruit'`: some hundred. */
  readonly subgroup: string;
  /** The same for emoji that are drawn almost alike: man, woman and person of an occupation, clocks, keycaps, moons. */
  readonly kin: string;
}

interface Named {
  readonly emoji: string;
  readonly description: string;
  readonly group: string;
  readonly subgroup: string;
}

/** All base emoji in Unicode's order. */
export async function readEmoji(packages: Packages): Promise<Emoji[]> {
  const { getEmojis } = await packages.module<{ getEmojis(): Named[] }>(NAMES_PACKAGE);
  return getEmojis().map(({ emoji, description: name, group, subgroup }) => {
    const codes = codesOf(emoji);
    return { emoji, codes, name, group, subgroup, kin: kinOf(codes, name) };
  });
}

/** Code points of a text as in {@link Emoji.codes}. */
export function codesOf(emoji: string): string {
  const points = [...emoji].map((character) => (character.codePointAt(0) as number).toString(16));
  return plainCodes(points.join('-'));
}

/** Without the selectors that ask for a picture or a sign, which sets write or leave out. */
export function plainCodes(codes: string): string {
  return codes.replaceAll(/-fe0f/g, '');
}

/** By code point, the one that stands for it: adults, children and the old without gender. */
const WITHOUT_GENDER: Readonly<Record<string, string>> = {
  '1f468': '1f9d1',
  '1f469': '1f9d1',
  '1f466': '1f9d2',
  '1f467': '1f9d2',
  '1f474': '1f9d3',
  '1f475': '1f9d3',
};

// Signs of gender, hair and direction that follow a person.
const DETAIL = /-200d-(2640|2642|1f9b[0-3]|27a1)/g;

function kinOf(codes: string, name: string): string {
  const alike = /o.clock$|-thirty$/.test(name)
    ? 'clock'
    : /^keycap/.test(name)
      ? 'keycap'
      : /\b(moon|quarter moon|crescent)$/.test(name)
        ? 'moon'
        : undefined;
  if (alike !== undefined) return alike;
  const plain = codes.replaceAll(DETAIL, '').split('-');
  return plain.map((code) => WITHOUT_GENDER[code] ?? code).join('-');
}

/** Refuses all but emoji as a data set has them. */
export function checkEmoji(owner: string, emoji: unknown): Emoji[] {
  checkIterable(owner, 'emoji', emoji);
  return Array.from(emoji, (each, i) => {
    const { codes, kin } = (each ?? {}) as Partial<Emoji>;
    if (typeof codes === 'string' && typeof kin === 'string') return each as Emoji;
    throw new TypeError(`Expected emoji of a data set for ${owner}, got ${describeValue(each)} at ${i}`);
  });
}
