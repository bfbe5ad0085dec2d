import type { StoredEntry } from '../entry.ts';
import type { Change, GalleryStore } from './store.ts';

/** Keeps entries as long as the process lives. */
export class MemoryStore implements GalleryStore {
  readonly #entries = new Map<string, StoredEntry>();
  #version = 0;

  entries(): Iterable<readonly [id: string, entry: StoredEntry]> {
    return this.#entries;
  }

  get(id: string): StoredEntry | undefined {
    return this.#entries.get(id);
  }

  async write(changes: readonly Change[]): Promise<void> {
    for (const [id, entry] of changes) {
      if (entry === undefined) this.#entries.delete(id);
      else this.#entries.set(id, entry);
    }
    this.#version++;
  }

  version(): number {
    return this.#version;
  }

  async close(): Promise<void> {}
}
