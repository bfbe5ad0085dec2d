export { drawerVersions } from './draw.ts';
export type { Emoji } from './emoji.ts';
export { type EmojiFilter, EmojiStyles, type StyleSplit } from './emoji-styles.ts';
export type { Colour, EmojiClasses, EmojiStylesOptions, StyleSplitOptions } from './options.ts';
export type { EmojiSample, StyleReport } from './samples.ts';
export { type SplitEmojiOptions, splitEmoji } from './split-emoji.ts';
export { checkUnseen, EMOJI_STYLES, type EmojiStyle } from './styles.ts';
