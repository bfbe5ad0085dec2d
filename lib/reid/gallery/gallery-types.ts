import type { Drift } from './calibration/drift.ts';
import type { EntryFacts, Feature } from './entry.ts';
import type { GalleryFilter } from './filter.ts';

/** Options of `Gallery.open`. */
export interface GalleryOptions<Image = unknown> {
  /** Numbers of a feature. */
  width: number;
  /** The file; without one the gallery lives as long as the process. `~` is the home folder. */
  path?: string | URL;
  /** Makes a feature of an image: for `Gallery.searchImage`. */
  extract?: (image: Image) => Feature | Promise<Feature>;
}

/** Options of `Gallery.search`. */
export interface SearchOptions extends GalleryFilter {
  /** How many entries at most. Default 10. */
  k?: number;
  /** The query's camera, for the thresholds that `Gallery.calibrate` found by pairs of cameras. It filters nothing. */
  queryCamera?: string;
}

/** Options of `Gallery.list`. */
export interface ListOptions extends GalleryFilter {
  offset?: number;
  limit?: number;
}

/** An entry of a list. */
export interface ListedEntry extends EntryFacts {
  readonly id: string;
}

/** An entry that a search found. */
export interface GalleryMatch extends EntryFacts {
  readonly id: string;
  /** Cosine of the two features. */
  readonly similarity: number;
}

/** What a search gives. */
export interface GalleryResult {
  /** The entries most like the query, of those that fit the filter; equal ones by their ids. */
  readonly matches: readonly GalleryMatch[];
  /** `match` where one reaches the calibrated threshold, else `unknown`; null before `Gallery.calibrate`. */
  readonly verdict: 'match' | 'unknown' | null;
  /** Entries whose full feature was read; the others' bounds excluded them. */
  readonly rescored: number;
  /** Whether recent queries differ from those of the calibration. Null before it. */
  readonly drift: Drift | null;
}
