import type { StoredEntry } from '../entry.ts';
import { GalleryError } from '../errors.ts';
import { checkIsLmdb, createOnce } from './lmdb-file.ts';
import { type Change, decodeEntry, encodeEntry, type GalleryStore } from './store.ts';

/** What is used of the package lmdb, which is there only where somebody installed it. */
interface Lmdb {
  open(options: Record<string, unknown>): Environment;
}
interface Environment extends Database {
  openDB(options: Record<string, unknown>): Database;
  /** Resolves when all that was committed is on the disk. */
  readonly flushed: Promise<unknown>;
  transaction(work: () => void): Promise<void>;
  close(): Promise<void>;
}
interface Database {
  get(key: string): unknown;
  getBinary(key: string): Uint8Array | undefined;
  put(key: string, value: unknown): unknown;
  remove(key: string): unknown;
  getRange(options?: object): Iterable<{ key: string; value: Uint8Array }>;
}

const FORMAT = 1;

/** Entries in LMDB: a B+ tree that is never written in place, so that no crash leaves it torn. */
export class LmdbStore implements GalleryStore {
  readonly #environment: Environment;
  readonly #entries: Database;
  readonly #facts: Database;

  private constructor(environment: Environment) {
    this.#environment = environment;
    this.#entries = environment.openDB({ name: 'entries', encoding: 'binary' });
    this.#facts = environment.openDB({ name: 'gallery', encoding: 'json' });
  }

  /**
   * Opens a file, or makes it.
   *
   * @throws GalleryError where lmdb is not installed, the file is none of its, or holds features of another width
   */
  static async open(path: string, width: number): Promise<LmdbStore> {
    const lmdb = await loadLmdb();
    try {
      await createOnce(path, async (temporary) => {
        const store = LmdbStore.#map(lmdb, temporary);
        await store.#put('format', { format: FORMAT, width });
        await store.close();
      });
      checkIsLmdb(path);
      const store = LmdbStore.#map(lmdb, path);
      await store.#checkFormat(path, width);
      return store;
    } catch (cause) {
      if (cause instanceof GalleryError) throw cause;
      throw new GalleryError(
        `Expected a gallery at ${path}, got ${(cause as Error).message}; check the path`,
        { code: 'ERR_GALLERY_OPEN', cause },
      );
    }
  }

  static #map(lmdb: Lmdb, path: string): LmdbStore {
    // Pages reach the disk before what points to them: no loss of power can come between.
    return new LmdbStore(lmdb.open({ path, noSubdir: true, maxDbs: 2, overlappingSync: false }));
  }

  async #put(key: string, value: unknown): Promise<void> {
    await this.#environment.transaction(() => {
      this.#facts.put(key, value);
    });
    await this.#environment.flushed;
  }

  async #checkFormat(path: string, width: number): Promise<void> {
    const found = this.#facts.get('format') as { format: number; width: number } | undefined;
    if (found?.format === FORMAT && found.width === width) return;
    await this.close();
    const got =
      found === undefined
        ? 'a file of LMDB that is none'
        : found.format === FORMAT
          ? `one of ${found.width}`
          : `format ${found.format}`;
    throw new GalleryError(
      `Expected a gallery of features with ${width} numbers at ${path}, got ${got}; open it with its own width, or enrol into a new file`,
      { code: 'ERR_GALLERY_OPEN' },
    );
  }

  *entries(): Iterable<readonly [id: string, entry: StoredEntry]> {
    for (const { key, value } of this.#entries.getRange()) yield [key, decodeEntry(key, value)];
  }

  get(id: string): StoredEntry | undefined {
    const bytes = this.#entries.getBinary(id);
    return bytes === undefined ? undefined : decodeEntry(id, bytes);
  }

  async write(changes: readonly Change[]): Promise<void> {
    await this.#environment.transaction(() => {
      for (const [id, entry] of changes) {
        if (entry === undefined) this.#entries.remove(id);
        else this.#entries.put(id, encodeEntry(entry));
      }
      this.#facts.put('version', this.version() + 1);
    });
    await this.#environment.flushed;
  }

  version(): number {
    return (this.#facts.get('version') as number | undefined) ?? 0;
  }

  async close(): Promise<void> {
    await this.#environment.close();
  }
}

async function loadLmdb(): Promise<Lmdb> {
  // Not in the import itself, lest the types of those without lmdb miss it.
  const name = 'lmdb';
  try {
    return (await import(name)) as Lmdb;
  } catch (cause) {
    throw new GalleryError(
      'Expected the package lmdb, which keeps galleries in files, got none\nPossible solutions:\n- Install it: npm install lmdb',
      { code: 'ERR_GALLERY_STORE_MISSING', cause },
    );
  }
}
