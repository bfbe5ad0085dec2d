import { join } from 'node:path';
import { cacheFolder } from '../../../cache.ts';
import { drawAll, drawerVersions, type Sheet } from './draw.ts';
import { type Emoji, NAMES_PACKAGE, readEmoji } from './emoji.ts';
import { readDrawings, SVG_PACKAGE } from './icons.ts';
import { findPackages, type Packages } from './packages.ts';
import { readSheet, type SheetKey, sheetPath, writeSheet } from './sheet-cache.ts';
import { type EmojiStyle, emojiStyle } from './styles.ts';

/** All emoji, and what each style has of them. */
export interface Sheets {
  readonly emoji: readonly Emoji[];
  readonly sheets: ReadonlyMap<string, Sheet>;
  /** Version of each style's package. */
  readonly versions: ReadonlyMap<string, string>;
}

/** Reads styles from the cache, and draws those that it lacks. */
export async function loadSheets(
  names: readonly string[],
  size: number,
  folder: string | undefined,
  cache: string | null = join(cacheFolder(), 'emoji-styles'),
): Promise<Sheets> {
  const styles = names.map(emojiStyle);
  const packages = findPackages(folder, [
    ...new Set([...styles.flatMap(packagesOf), SVG_PACKAGE, NAMES_PACKAGE]),
  ]);
  const emoji = await readEmoji(packages);
  const sheets = new Map<string, Sheet>();
  for (const style of styles) sheets.set(style.name, await sheetOf(style, emoji, size, packages, cache));
  const versions = new Map(styles.map((style) => [style.name, packages.version(style.package)]));
  return { emoji, sheets, versions };
}

const packagesOf = (style: EmojiStyle) => [
  style.package,
  ...(style.chars === undefined ? [] : [style.chars]),
];

async function sheetOf(
  style: EmojiStyle,
  emoji: readonly Emoji[],
  size: number,
  packages: Packages,
  cache: string | null,
): Promise<Sheet> {
  const key = await keyOf(style, size, packages);
  const path = cache === null ? undefined : sheetPath(cache, key);
  const kept = path === undefined ? undefined : readSheet(path, key);
  if (kept !== undefined) return kept;
  const sheet = await drawAll(await readDrawings(style, emoji, size, packages), size, style.name);
  if (path !== undefined && cache !== null) writeSheet(path, cache, sheet);
  return sheet;
}

async function keyOf(style: EmojiStyle, size: number, packages: Packages): Promise<SheetKey> {
  const { rsvg, vips } = await drawerVersions();
  const used = [...packagesOf(style), SVG_PACKAGE, NAMES_PACKAGE];
  const versions = Object.fromEntries(used.map((name) => [name, packages.version(name)]));
  return { style: style.name, size, versions: { ...versions, rsvg, vips } };
}
