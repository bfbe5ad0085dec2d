import { squareOf } from './entry.ts';
import type { Bounds } from './feature-index.ts';

/** An entry that was found, by its row. */
export interface Found {
  readonly row: number;
  readonly similarity: number;
}

/** What a search found, and how much it read. */
export interface SearchResult {
  readonly found: readonly Found[];
  /** Entries whose float32 feature was read, because their bounds did not exclude them. */
  readonly rescored: number;
}

/** How {@link exactSearch} asks for entries. */
export interface SearchSource {
  /** Whether a row may be found; undefined for all. */
  readonly isWanted: ((row: number) => boolean) | undefined;
  readonly feature: (row: number) => Float32Array;
  /** Equal similarities rank by this. */
  readonly name: (row: number) => string;
}

/**
 * The `k` entries most like a query, by the cosine of their float32 features in float64. None is missed: an entry is left
 * unread only where its upper bound is below the lower bounds of `k` others.
 */
export function exactSearch(
  query: Float32Array,
  bounds: Bounds,
  k: number,
  source: SearchSource,
): SearchResult {
  const { middle, off } = bounds;
  const isWanted = wantedRows(middle.length, source.isWanted);
  const least = kthLowerBound(bounds, isWanted, k);
  const norm = Math.sqrt(squareOf(query));
  const candidates: Found[] = [];
  for (let row = 0; row < middle.length; row++) {
    if ((middle[row] as number) + (off[row] as number) < least || isWanted?.[row] === 0) continue;
    candidates.push({ row, similarity: cosine(query, norm, source.feature(row)) });
  }
  candidates.sort(
    (a, b) => b.similarity - a.similarity || compareNames(source.name(a.row), source.name(b.row)),
  );
  return { found: candidates.slice(0, k), rescored: candidates.length };
}

const compareNames = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** 1 for each row that may be found; undefined for all. */
function wantedRows(size: number, isWanted: SearchSource['isWanted']): Uint8Array | undefined {
  if (isWanted === undefined) return undefined;
  const wanted = new Uint8Array(size);
  for (let row = 0; row < size; row++) if (isWanted(row)) wanted[row] = 1;
  return wanted;
}

/** The `k`-th largest lower bound; minus infinity where there are fewer. */
function kthLowerBound({ middle, off }: Bounds, isWanted: Uint8Array | undefined, k: number): number {
  const largest = new Float64Array(k).fill(Number.NEGATIVE_INFINITY); // descending
  for (let row = 0; row < middle.length; row++) {
    const bound = (middle[row] as number) - (off[row] as number);
    if (bound <= (largest[k - 1] as number) || isWanted?.[row] === 0) continue;
    let at = k - 1;
    for (; at > 0 && (largest[at - 1] as number) < bound; at--) largest[at] = largest[at - 1] as number;
    largest[at] = bound;
  }
  return largest[k - 1] as number;
}

/** The cosine of two features, `norm` being the length of the first. */
export function cosine(query: Float32Array, norm: number, feature: Float32Array): number {
  let [dot, square] = [0, 0];
  for (let index = 0; index < query.length; index++) {
    const value = feature[index] as number;
    dot += (query[index] as number) * value;
    square += value * value;
  }
  return dot / (norm * Math.sqrt(square));
}
