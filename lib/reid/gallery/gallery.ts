import { pathOf } from '../../atomic-file.ts';
import { expandUser } from '../../data/fs-path.ts';
import { inSlices } from '../../data/image/pixels.ts';
import { checkFunction, checkOptions, checkPositions, checkText, describeValue } from '../../options.ts';
import { checkCount } from '../models/checks.ts';
import {
  type Calibration,
  type CalibrationData,
  type CalibrationOptions,
  calibrateThreshold,
  RATES,
} from './calibration/calibrate.ts';
import { givenData, otherWidth, ownData } from './calibration/calibration-data.ts';
import { Threshold } from './calibration/threshold.ts';
import {
  changedFacts,
  checkEntry,
  type EntryFacts,
  FACTS,
  type FactsChange,
  type Feature,
  featureOf,
  type NewEntry,
  type StoredEntry,
} from './entry.ts';
import { GalleryError } from './errors.ts';
import { exactSearch } from './exact-search.ts';
import { FILTERS, type Fits, filterOf } from './filter.ts';
import { GalleryRows } from './gallery-rows.ts';
import type {
  GalleryMatch,
  GalleryOptions,
  GalleryResult,
  ListedEntry,
  ListOptions,
  SearchOptions,
} from './gallery-types.ts';
import { LmdbStore } from './store/lmdb-store.ts';
import { MemoryStore } from './store/memory-store.ts';
import type { Change, GalleryStore } from './store/store.ts';
import { Turns } from './turns.ts';

/**
 * A gallery of features: enrol, search, keep. Searches are exact: whole-number codes of all entries give bounds, and what these
 * do not exclude is compared in full.
 *
 * In a file it is LMDB's (`npm install lmdb`): what `enrol`, `update` and `delete` have resolved for survives `kill -9` and the loss of
 * power, and changes of another process show at the next call.
 *
 * @example
 * const gallery = await reid.Gallery.open({ width: 16 });
 * await gallery.enrol({ id: 'shot-1', feature: randn([16]), identity: 'anna', camera: 'hall', tags: ['staff'] });
 * const { matches, verdict } = await gallery.search(randn([16]), { k: 5, notCamera: 'entrance' });
 * await gallery.close();
 */
export class Gallery<Image = unknown> {
  readonly width: number;
  readonly #store: GalleryStore;
  readonly #extract: GalleryOptions<Image>['extract'];
  readonly #rows: GalleryRows;
  readonly #turns = new Turns();
  #isWriting = false;
  #threshold: Threshold | undefined;
  #isClosed = false;

  private constructor(store: GalleryStore, { width, extract }: GalleryOptions<Image>) {
    this.width = width;
    this.#store = store;
    this.#extract = extract;
    this.#rows = new GalleryRows(width);
    this.#rows.refresh(store);
  }

  /**
   * Opens a gallery, or begins one.
   *
   * @throws GalleryError where lmdb is not installed, or the file is no gallery, of another width or damaged
   */
  static async open<Image = unknown>(options: GalleryOptions<Image>): Promise<Gallery<Image>> {
    checkPositions('Gallery.open', arguments, 1);
    checkOptions('Gallery.open', options, ['width', 'path', 'extract']);
    const { width, path, extract } = options;
    if (!Number.isInteger(width) || width < 1) {
      throw new RangeError(
        `Expected a whole number from 1 for Gallery.open width, got ${describeValue(width)}`,
      );
    }
    if (extract !== undefined) checkFunction('Gallery.open extract', extract);
    const file = path === undefined ? undefined : expandUser(pathOf(path, 'Gallery.open'));
    const store = file === undefined ? new MemoryStore() : await LmdbStore.open(file, width);
    try {
      return new Gallery(store, options);
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  /** How many entries there are. */
  get size(): number {
    this.#ready();
    return this.#rows.index.size;
  }

  /** What is known of an entry, or undefined. */
  get(id: string): (EntryFacts & { readonly feature: Float32Array }) | undefined {
    this.#ready();
    const stored = this.#store.get(id);
    return stored === undefined ? undefined : { ...stored.facts, feature: stored.feature };
  }

  /**
   * Adds an entry, or several: all or none. Resolves when they are safe.
   *
   * @throws GalleryError for an id that is there already
   */
  async enrol(entries: NewEntry | readonly NewEntry[]): Promise<void> {
    checkPositions('Gallery.enrol', arguments, 1);
    const list = (Array.isArray(entries) ? entries : [entries]) as readonly NewEntry[];
    const changes = list.map((entry) => checkEntry('Gallery.enrol', entry, this.width));
    const seen = new Set<string>();
    await this.#write(() => {
      for (const [id] of changes) {
        if (seen.has(id) || this.#rows.index.has(id)) throw alreadyThere(id);
        seen.add(id);
      }
      return changes;
    });
  }

  /** Changes what is known of an entry: facts that are given, null taking one away, and the feature. */
  async update(id: string, change: FactsChange & { feature?: Feature }): Promise<void> {
    checkPositions('Gallery.update', arguments, 2);
    checkOptions('Gallery.update', change, ['feature', ...FACTS]);
    const { feature: _, ...facts } = change;
    changedFacts('Gallery.update', {}, facts);
    const feature =
      change.feature === undefined
        ? undefined
        : featureOf('Gallery.update feature', change.feature, this.width);
    await this.#write(() => {
      const stored = this.#existing(id);
      const next = changedFacts('Gallery.update', stored.facts, facts);
      return [[id, { facts: next, feature: feature ?? stored.feature }]];
    });
  }

  /** Takes an entry out, or several: all or none. */
  async delete(ids: string | readonly string[]): Promise<void> {
    checkPositions('Gallery.delete', arguments, 1);
    const list = typeof ids === 'string' ? [ids] : [...new Set(ids)];
    await this.#write(() => {
      for (const id of list) this.#existing(id);
      return list.map((id) => [id, undefined] as const);
    });
  }

  /**
   * The entries most like a feature. Exact. It gives way to the event loop every few milliseconds.
   */
  async search(feature: Feature, options: SearchOptions = {}): Promise<GalleryResult> {
    checkPositions('Gallery.search', arguments, 2);
    checkOptions('Gallery.search', options, ['k', 'queryCamera', ...FILTERS]);
    const { k = 10, queryCamera } = options;
    if (queryCamera !== undefined) checkText('Gallery.search queryCamera', 'a text', queryCamera);
    if (!Number.isInteger(k) || k < 1) {
      throw new RangeError(`Expected a whole number from 1 for Gallery.search k, got ${describeValue(k)}`);
    }
    const fits = filterOf('Gallery.search', options);
    const query = featureOf('Gallery.search feature', feature, this.width);
    return await this.#turns.read(() => this.#searchFor(query, { k, fits, queryCamera }));
  }

  /**
   * Entries that fit a filter, in the order of their ids (by code units): `limit` of them (default 100) from `offset` (default 0)
   * on, and how many there are in all.
   */
  list(options: ListOptions = {}): { readonly total: number; readonly entries: readonly ListedEntry[] } {
    checkPositions('Gallery.list', arguments, 1);
    checkOptions('Gallery.list', options, ['offset', 'limit', ...FILTERS]);
    const { offset = 0, limit = 100, ...filter } = options;
    checkCount('Gallery.list', 'offset', offset, 0);
    checkCount('Gallery.list', 'limit', limit);
    const fits = filterOf('Gallery.list', filter);
    this.#ready();
    const all = this.#rows.sortedIds();
    const ids = fits === undefined ? all : all.filter((id) => fits(this.#rows.factsOfId(id)));
    const entries = ids.slice(offset, offset + limit).map((id) => ({ id, ...this.#rows.factsOfId(id) }));
    return { total: ids.length, entries };
  }

  /** What was found by the last {@link calibrate}. */
  get calibration(): Calibration | undefined {
    return this.#threshold?.calibration;
  }

  /** {@link search} by an image, of which `extract` makes the feature. */
  async searchImage(image: Image, options: SearchOptions = {}): Promise<GalleryResult> {
    checkPositions('Gallery.searchImage', arguments, 2);
    checkOptions('Gallery.searchImage', options, ['k', 'queryCamera', ...FILTERS]);
    if (this.#extract !== undefined) return this.search(await this.#extract(image), options);
    throw new TypeError(
      'Expected the option extract of Gallery.open for Gallery.searchImage, got none; pass a function from image to feature',
    );
  }

  /**
   * Finds the threshold for a promised false-match rate, on labelled images; without any on the gallery's own entries that have
   * an identity. `search` answers by it from then on. The rate is that of one comparison: of n entries that are somebody else, one
   * is taken for a match with a chance of 1 - (1 - rate)ⁿ.
   *
   * @throws RangeError where there are too few pairs to promise the rate, and for features of another width
   */
  calibrate(options: CalibrationOptions & Partial<CalibrationData> = {}): Calibration {
    checkPositions('Gallery.calibrate', arguments, 1);
    checkOptions('Gallery.calibrate', options, ['features', 'ids', 'cameras', ...RATES]);
    this.#ready();
    const { features, ids, cameras, ...rates } = options;
    const data = givenData(features, ids, cameras) ?? ownData(this.#rows, (id) => this.#existing(id).feature);
    const calibration = calibrateThreshold(data, rates);
    if (calibration.centre.length !== this.width) throw otherWidth(calibration.centre.length, this.width);
    this.#threshold = new Threshold(calibration);
    return calibration;
  }

  /** Ends what is under way and closes the file. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#turns.write(() => this.#store.close());
  }

  async #searchFor(query: Float32Array, wanted: Wanted): Promise<GalleryResult> {
    for (let left = 3; ; left--) {
      this.#ready();
      const version = this.#store.version();
      try {
        return await this.#searchNow(query, wanted);
      } catch (error) {
        // Another process took an entry out meanwhile.
        if (left === 0 || this.#store.version() === version) throw error;
      }
    }
  }

  async #searchNow(query: Float32Array, { k, fits, queryCamera }: Wanted): Promise<GalleryResult> {
    const { index, facts } = this.#rows.snapshot();
    const answer = (found: readonly GalleryMatch[]) => this.#threshold?.verdict(found, queryCamera) ?? null;
    if (index.size === 0) return { matches: [], verdict: answer([]), rescored: 0, drift: null };
    const { ids } = index;
    const factsOf = (row: number) => facts[row] as EntryFacts;
    const { found, rescored } = exactSearch(query, await inSlices(index.bounds(query)), k, {
      isWanted: fits === undefined ? undefined : (row) => fits(factsOf(row)),
      feature: (row) => this.#existing(ids[row] as string).feature,
      name: (row) => ids[row] as string,
    });
    this.#threshold?.see(query);
    const matches = found.map(({ row, similarity }) => ({
      id: ids[row] as string,
      similarity,
      ...factsOf(row),
    }));
    return {
      matches,
      verdict: answer(matches),
      rescored,
      drift: this.#threshold?.drift() ?? null,
    };
  }

  #existing(id: string): StoredEntry {
    const stored = this.#store.get(id);
    if (stored !== undefined) return stored;
    throw new GalleryError(
      `Expected an entry of the gallery, got ${JSON.stringify(id)}, which is not there`,
      {
        code: 'ERR_GALLERY_ENTRY',
      },
    );
  }

  /** One change after the other; what is to be written is decided when it is its turn. */
  #write(decide: () => readonly Change[]): Promise<void> {
    return this.#turns.write(async () => {
      this.#ready();
      const changes = decide();
      this.#isWriting = true;
      try {
        await this.#store.write(changes);
      } finally {
        this.#isWriting = false;
      }
      this.#rows.follow(this.#store, changes);
    });
  }

  #ready(): void {
    if (this.#isClosed) {
      throw new GalleryError('Gallery was closed; open it again', { code: 'ERR_GALLERY_CLOSED' });
    }
    // What this process writes is taken in without reading all anew.
    if (!this.#isWriting) this.#rows.refresh(this.#store);
  }
}

/** What a search asks for, checked. */
interface Wanted {
  readonly k: number;
  readonly fits: Fits | undefined;
  readonly queryCamera: string | undefined;
}

function alreadyThere(id: string): GalleryError {
  return new GalleryError(
    `Expected a new id for Gallery.enrol, got ${JSON.stringify(id)}, which is there; update it, or delete it first`,
    {
      code: 'ERR_GALLERY_ENTRY',
    },
  );
}
