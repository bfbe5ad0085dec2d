import { checkOptions, checkTexts, describeValue } from '../../options.ts';
import type { EntryFacts } from './entry.ts';

/** Which entries take part in a search. All conditions hold. */
export interface GalleryFilter {
  /** One camera, or any of some. */
  camera?: string | readonly string[];
  /** Any but these cameras: the query's own, for one. */
  notCamera?: string | readonly string[];
  /** One identity, or any of some. */
  identity?: string | readonly string[];
  /** From and up to, milliseconds since 1970, both included. Entries without a time do not fit. */
  time?: { from?: number; to?: number };
  /** All of these tags. */
  tags?: readonly string[];
}

export const FILTERS = ['camera', 'notCamera', 'identity', 'time', 'tags'] as const;

/** Whether an entry takes part. */
export type Fits = (facts: EntryFacts) => boolean;

/** The filter as a function; undefined where it has no condition. */
export function filterOf(owner: string, filter: GalleryFilter): Fits | undefined {
  const conditions = [
    ...oneOf(`${owner} camera`, filter.camera, ({ camera }) => camera),
    ...oneOf(`${owner} identity`, filter.identity, ({ identity }) => identity),
    ...oneOf(`${owner} notCamera`, filter.notCamera, ({ camera }) => camera).map(
      (fits): Fits =>
        (facts) =>
          !fits(facts),
    ),
    ...during(`${owner} time`, filter.time),
    ...tagged(`${owner} tags`, filter.tags),
  ];
  return conditions.length === 0 ? undefined : (facts) => conditions.every((fits) => fits(facts));
}

function oneOf(
  owner: string,
  wanted: string | readonly string[] | undefined,
  of: (facts: EntryFacts) => string | undefined,
): Fits[] {
  if (wanted === undefined) return [];
  const list = typeof wanted === 'string' ? [wanted] : wanted;
  checkTexts(owner, 'texts', list);
  const set = new Set(list);
  return [(facts) => set.has(of(facts) as string)];
}

function during(owner: string, time: GalleryFilter['time']): Fits[] {
  if (time === undefined) return [];
  checkOptions(owner, time, ['from', 'to']);
  const { from = Number.NEGATIVE_INFINITY, to = Number.POSITIVE_INFINITY } = time;
  for (const value of [from, to]) {
    if (typeof value === 'number' && !Number.isNaN(value)) continue;
    throw new TypeError(`Expected milliseconds for ${owner}, got ${describeValue(value)}`);
  }
  return [({ time: taken }) => taken !== undefined && taken >= from && taken <= to];
}

function tagged(owner: string, tags: readonly string[] | undefined): Fits[] {
  if (tags === undefined) return [];
  checkTexts(owner, 'texts', tags);
  return [(facts) => tags.every((tag) => facts.tags?.includes(tag))];
}
