import type { EntryFacts } from './entry.ts';
import { FeatureIndex } from './feature-index.ts';
import { SortedIds } from './sorted-ids.ts';
import type { Change, GalleryStore } from './store/store.ts';

/** What a search wants of a store in memory: codes of the features, and the facts, a row for each entry. */
export class GalleryRows {
  readonly #width: number;
  #index: FeatureIndex;
  #facts: EntryFacts[] = [];
  #version = -1;
  /** Made when it is first asked for. */
  #sorted: SortedIds | undefined;

  constructor(width: number) {
    this.#width = width;
    this.#index = new FeatureIndex(width);
  }

  get index(): FeatureIndex {
    return this.#index;
  }

  factsOf(row: number): EntryFacts {
    return this.#facts[row] as EntryFacts;
  }

  /** What a search reads over several turns of the event loop: it stays as it is while others refresh. */
  snapshot(): { readonly index: FeatureIndex; readonly facts: readonly EntryFacts[] } {
    return { index: this.#index, facts: this.#facts };
  }

  /** All ids, in the order of their code units. */
  sortedIds(): readonly string[] {
    this.#sorted ??= new SortedIds(this.#index.ids);
    return this.#sorted.all;
  }

  factsOfId(id: string): EntryFacts {
    return this.factsOf(this.#index.row(id) as number);
  }

  /** Reads all entries anew where the store is of another version: at the beginning, and when another process has written. */
  refresh(store: GalleryStore): void {
    const version = store.version();
    if (version === this.#version) return;
    this.#index = new FeatureIndex(this.#width);
    this.#facts = [];
    this.#sorted = undefined;
    for (const [id, entry] of store.entries()) this.#apply([id, entry]);
    this.#version = version;
  }

  /** Takes in changes that the store has written; all anew where others have written too. */
  follow(store: GalleryStore, changes: readonly Change[]): void {
    if (store.version() !== this.#version + 1) {
      this.refresh(store);
      return;
    }
    this.#version++;
    for (const change of changes) this.#apply(change);
  }

  #apply([id, entry]: Change): void {
    if (entry !== undefined) {
      this.#facts[this.#index.set(id, entry.feature)] = entry.facts;
      this.#sorted?.add(id);
      return;
    }
    this.#sorted?.delete(id);
    const row = this.#index.delete(id);
    this.#facts[row] = this.#facts.at(-1) as EntryFacts;
    this.#facts.pop();
  }
}
