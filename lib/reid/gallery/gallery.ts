import { pathOf } from '../../atomic-file.ts';
import { expandUser } from '../../data/fs-path.ts';
import { checkFunction, checkOptions, checkPositions, checkText, describeValue } from '../../options.ts';
import { stack, tensor } from '../../tensor/index.ts';
import type { Features, Labels } from '../ranking/parts.ts';
import {
  type Calibration,
  type CalibrationData,
  type CalibrationOptions,
  calibrateThreshold,
  RATES,
} from './calibrate.ts';
import type { Drift } from './drift.ts';
import {
  checkEntry,
  checkFacts,
  type EntryFacts,
  FACTS,
  type Feature,
  featureOf,
  type NewEntry,
  type StoredEntry,
} from './entry.ts';
import { GalleryError } from './errors.ts';
import { exactSearch } from './exact-search.ts';
import { FILTERS, filterOf, type GalleryFilter } from './filter.ts';
import { GalleryRows } from './gallery-rows.ts';
import { LmdbStore } from './lmdb-store.ts';
import { MemoryStore } from './memory-store.ts';
import type { Change, GalleryStore } from './store.ts';
import { Threshold } from './threshold.ts';

/** Options of {@link Gallery.open}. */
export interface GalleryOptions<Image = unknown> {
  /** Numbers of a feature. */
  width: number;
  /** The file; without one the gallery lives as long as the process. `~` is the home folder. */
  path?: string | URL;
  /** Makes a feature of an image: for {@link Gallery.searchImage}. */
  extract?: (image: Image) => Feature | Promise<Feature>;
}

/** Options of {@link Gallery.search}. */
export interface SearchOptions extends GalleryFilter {
  /** How many entries at most. Default 10. */
  k?: number;
  /** The query's camera, for the thresholds that {@link Gallery.calibrate} found by pairs of cameras. It filters nothing. */
  queryCamera?: string;
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
  /** `match` where one reaches the calibrated threshold, else `unknown`; null before {@link Gallery.calibrate}. */
  readonly verdict: 'match' | 'unknown' | null;
  /** Entries whose full feature was read; the others' bounds excluded them. */
  readonly rescored: number;
  /** Whether recent queries differ from those of the calibration. Null before it. */
  readonly drift: Drift | null;
}

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
  #writing: Promise<unknown> = Promise.resolve();
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

  /** Changes what is known of an entry: facts that are given, and the feature. */
  async update(id: string, change: Partial<Omit<NewEntry, 'id'>>): Promise<void> {
    checkPositions('Gallery.update', arguments, 2);
    checkOptions('Gallery.update', change, ['feature', ...FACTS]);
    const facts = checkFacts('Gallery.update', change as EntryFacts);
    const feature =
      change.feature === undefined
        ? undefined
        : featureOf('Gallery.update feature', change.feature, this.width);
    await this.#write(() => {
      const stored = this.#existing(id);
      return [[id, { facts: { ...stored.facts, ...facts }, feature: feature ?? stored.feature }]];
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
   * The entries most like a feature. Exact; the search itself is synchronous.
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
    await this.#writing.catch(() => {});
    this.#ready();
    return this.#searchFor(query, { k, fits, queryCamera });
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
    const data = givenData(features, ids, cameras) ?? this.#ownData();
    const calibration = calibrateThreshold(data, rates);
    if (calibration.centre.length !== this.width) throw otherWidth(calibration.centre.length, this.width);
    this.#threshold = new Threshold(calibration);
    return calibration;
  }

  /** Ends what is under way and closes the file. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#writing.catch(() => {});
    await this.#store.close();
  }

  #ownData(): CalibrationData {
    const named = this.#rows.index.ids.flatMap((id, row) => {
      const { identity, camera } = this.#rows.factsOf(row);
      return identity === undefined ? [] : [{ id, identity, camera }];
    });
    if (named.length === 0)
      throw new RangeError(
        'Expected features and ids for Gallery.calibrate, got neither, and no entry has an identity',
      );
    const features = stack(named.map(({ id }) => tensor(this.#existing(id).feature)));
    const hasCameras = named.every(({ camera }) => camera !== undefined);
    return {
      features,
      ids: named.map(({ identity }) => identity),
      ...(hasCameras ? { cameras: named.map(({ camera }) => camera as string) } : {}),
    };
  }

  #searchFor(query: Float32Array, { k, fits, queryCamera }: Wanted): GalleryResult {
    const { index } = this.#rows;
    const answer = (found: readonly GalleryMatch[]) => this.#threshold?.verdict(found, queryCamera) ?? null;
    if (index.size === 0) return { matches: [], verdict: answer([]), rescored: 0, drift: null };
    const { ids } = index;
    const { found, rescored } = exactSearch(query, index.bounds(query), k, {
      isWanted: fits === undefined ? undefined : (row) => fits(this.#rows.factsOf(row)),
      feature: (row) => this.#existing(ids[row] as string).feature,
      name: (row) => ids[row] as string,
    });
    this.#threshold?.see(query);
    const matches = found.map(({ row, similarity }) => ({
      id: ids[row] as string,
      similarity,
      ...this.#rows.factsOf(row),
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
    const turn = this.#writing
      .catch(() => {})
      .then(async () => {
        this.#ready();
        const changes = decide();
        await this.#store.write(changes);
        this.#rows.follow(this.#store, changes);
      });
    this.#writing = turn;
    return turn;
  }

  #ready(): void {
    if (this.#isClosed) {
      throw new GalleryError('Gallery was closed; open it again', { code: 'ERR_GALLERY_CLOSED' });
    }
    this.#rows.refresh(this.#store);
  }
}

/** What a search asks for, checked. */
interface Wanted {
  readonly k: number;
  readonly fits: ((facts: EntryFacts) => boolean) | undefined;
  readonly queryCamera: string | undefined;
}

/** The images to calibrate on; undefined where none are given. */
function givenData(
  features: Features | undefined,
  ids: Labels | undefined,
  cameras: Labels | undefined,
): CalibrationData | undefined {
  if (features !== undefined && ids !== undefined)
    return cameras === undefined ? { features, ids } : { features, ids, cameras };
  if (features === undefined && ids === undefined && cameras === undefined) return undefined;
  const missing = features === undefined ? 'features' : 'ids';
  throw new TypeError(
    `Expected features and ids together for Gallery.calibrate, got no ${missing}; leave all out to calibrate on the gallery's own entries`,
  );
}

function otherWidth(width: number, own: number): RangeError {
  return new RangeError(`Expected features of ${own} numbers for Gallery.calibrate, got ${width}`);
}

function alreadyThere(id: string): GalleryError {
  return new GalleryError(
    `Expected a new id for Gallery.enrol, got ${JSON.stringify(id)}, which is there; update it, or delete it first`,
    {
      code: 'ERR_GALLERY_ENTRY',
    },
  );
}
