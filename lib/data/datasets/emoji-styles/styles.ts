import { suggestion } from '../../../options.ts';

/** A drawing style: an icon set of Iconify's. */
export interface EmojiStyle {
  readonly name: string;
  /** The npm package that has its drawings. */
  readonly package: string;
  /** SPDX identifier of the drawings' licence. */
  readonly licence: string;
  readonly author: string;
  /** Styles of one family are by the same hand: an older drawing of the other, or the same shapes in another shading. */
  readonly family: string;
  /** `'modern'`: has almost all emoji. `'older'`: lacks those that were added since. */
  readonly era: 'modern' | 'older';
  /** The package whose `chars.json` names this set's emoji, where its own is empty. */
  readonly chars?: string;
}

const set = (
  name: string,
  era: EmojiStyle['era'],
  licence: string,
  author: string,
  more: Partial<EmojiStyle> = {},
): EmojiStyle => ({ name, package: `@iconify-json/${name}`, licence, author, family: name, era, ...more });

/** The nine styles of {@link EmojiStyles}: what they are called, whose they are, and under which licence. */
export const EMOJI_STYLES: readonly EmojiStyle[] = [
  set('noto', 'modern', 'Apache-2.0', 'Google'),
  set('twemoji', 'modern', 'CC-BY-4.0', 'Twitter, jdecked'),
  set('openmoji', 'modern', 'CC-BY-SA-4.0', 'OpenMoji'),
  set('fluent-emoji', 'modern', 'MIT', 'Microsoft', {
    family: 'fluent',
    chars: '@iconify-json/fluent-emoji-flat',
  }),
  set('fluent-emoji-flat', 'modern', 'MIT', 'Microsoft', { family: 'fluent' }),
  set('emojione', 'older', 'CC-BY-4.0', 'EmojiOne, EmojiTwo'),
  set('fxemoji', 'older', 'Apache-2.0', 'Mozilla'),
  set('noto-v1', 'older', 'Apache-2.0', 'Google', { family: 'noto' }),
  set('emojione-v1', 'older', 'CC-BY-SA-4.0', 'EmojiOne', { family: 'emojione' }),
];

const NAMES = EMOJI_STYLES.map((style) => style.name);

/** Pairs with one geometry in two shadings: what differs between them is appearance alone. */
const SHARED_GEOMETRY: readonly (readonly string[])[] = [['fluent-emoji', 'fluent-emoji-flat']];

/** The style of a name. */
export function emojiStyle(name: string): EmojiStyle {
  const style = EMOJI_STYLES.find((each) => each.name === name);
  if (style !== undefined) return style;
  throw new RangeError(
    `Expected a style of emoji, got ${JSON.stringify(name)}${suggestion(String(name), NAMES, 'styles')}`,
  );
}

/**
 * Refuses training and test styles that are by the same hand, of which a test would say too much. `sharedGeometry` allows
 * pairs that differ in shading alone, and never a redrawing.
 */
export function checkUnseen(
  train: readonly string[],
  test: readonly string[],
  sharedGeometry: boolean,
): void {
  for (const seen of train.map(emojiStyle)) {
    for (const unseen of test.map(emojiStyle)) {
      if (seen.family !== unseen.family) continue;
      if (sharedGeometry && isPair(seen.name, unseen.name)) continue;
      throw new RangeError(
        `Expected test styles by other hands than the training styles, got "${seen.name}" and "${unseen.name}" ` +
          `(both ${seen.family})${isPair(seen.name, unseen.name) ? '; pass { sharedGeometry: true } for a study of shading alone' : '; leave one out'}`,
      );
    }
  }
}

function isPair(a: string, b: string): boolean {
  return a !== b && SHARED_GEOMETRY.some((pair) => pair.includes(a) && pair.includes(b));
}
