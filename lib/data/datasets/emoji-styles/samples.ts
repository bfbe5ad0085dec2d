import { DatasetError } from '../../errors.ts';
import type { Sheet } from './draw.ts';
import type { Emoji } from './emoji.ts';
import type { Sheets } from './load.ts';
import type { readOptions } from './options.ts';

/** One picture. */
export interface EmojiSample {
  readonly style: string;
  readonly emoji: Emoji;
  readonly label: number;
  /** Equal for pictures that are equal pixel by pixel. */
  readonly digest: string;
}

/** What became of a style's drawings. */
export interface StyleReport {
  readonly style: string;
  /** Version of the style's package. */
  readonly version: string;
  /** Base emoji that the style has. */
  readonly drawn: number;
  /** Left out, as the style draws them as another emoji pixel by pixel. */
  readonly duplicates: number;
  /** Samples of the data set. */
  readonly taken: number;
}

/** Chooses samples: no duplicates, only emoji that certain styles have, no small classes. */
export function choose(sheets: Sheets, options: ReturnType<typeof readOptions>) {
  const singles = new Map([...sheets.sheets].map(([style, sheet]) => [style, firstOfEqual(sheet)]));
  const present = sheets.emoji.filter(
    ({ codes }) =>
      options.inAll.every((style) => singles.get(style)?.has(codes)) &&
      options.styles.some((style) => singles.get(style)?.has(codes)),
  );
  const { emoji, classes, labels } = classify(present, options);
  const samples: EmojiSample[] = [];
  const pixels: Uint8Array[] = [];
  const bytes = 4 * options.size ** 2;
  for (const style of options.styles) {
    const sheet = sheets.sheets.get(style) as Sheet;
    for (const each of emoji) {
      const at = singles.get(style)?.get(each.codes);
      if (at === undefined) continue;
      const label = labels.get(each.codes) as number;
      samples.push({ style, emoji: each, label, digest: sheet.digests[at] as string });
      pixels.push(sheet.pixels.subarray(at * bytes, (at + 1) * bytes));
    }
  }
  if (samples.length === 0) throw none(options);
  return { samples, pixels, emoji, classes, report: reportOf(sheets, singles, samples, options.styles) };
}

/** Where each emoji is in a sheet; of equal pictures the first alone. */
function firstOfEqual({ codes, digests }: Sheet): Map<string, number> {
  const seen = new Set<string>();
  const places = new Map<string, number>();
  codes.forEach((code, at) => {
    const digest = digests[at] as string;
    if (!seen.has(digest)) places.set(code, at);
    seen.add(digest);
  });
  return places;
}

function classify(
  present: readonly Emoji[],
  { classes: kind, minPerClass }: Pick<ReturnType<typeof readOptions>, 'classes' | 'minPerClass'>,
) {
  const classOf = (emoji: Emoji) => (kind === 'emoji' ? emoji.name : emoji[kind]);
  const counts = new Map<string, number>();
  for (const each of present) counts.set(classOf(each), (counts.get(classOf(each)) ?? 0) + 1);
  const classes = [...counts].filter(([, count]) => count >= minPerClass).map(([name]) => name);
  const numbers = new Map(classes.map((name, label) => [name, label]));
  const emoji = present.filter((each) => numbers.has(classOf(each)));
  const labels = new Map(emoji.map((each) => [each.codes, numbers.get(classOf(each)) as number]));
  return { emoji, classes, labels };
}

function reportOf(
  { sheets, versions }: Sheets,
  singles: ReadonlyMap<string, ReadonlyMap<string, number>>,
  samples: readonly EmojiSample[],
  styles: readonly string[],
): StyleReport[] {
  return styles.map((style) => {
    const drawn = sheets.get(style)?.codes.length ?? 0;
    const duplicates = drawn - (singles.get(style)?.size ?? 0);
    const taken = samples.filter((sample) => sample.style === style).length;
    return { style, version: versions.get(style) as string, drawn, duplicates, taken };
  });
}

function none({ styles, inAll, minPerClass }: ReturnType<typeof readOptions>): DatasetError {
  const wanted = inAll.length > 0 ? ` that ${inAll.join(', ')} all have` : '';
  return new DatasetError(
    `Expected emoji of ${styles.join(', ')}${wanted} in classes of at least ${minPerClass}, got none; lower minPerClass or shorten inAll`,
    { code: 'ERR_DATASET_EMPTY_CLASS', path: 'emoji-styles' },
  );
}
