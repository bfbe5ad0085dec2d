/** Values by key, at most `limit`: the one that was not asked for the longest goes first. */
export class BoundedCache<V> {
  readonly #limit: number;
  readonly #release: (value: V) => void;
  readonly #values = new Map<string, V>();

  /** @param release Gets each value that goes. */
  constructor(limit: number, release: (value: V) => void) {
    this.#limit = limit;
    this.#release = release;
  }

  get size(): number {
    return this.#values.size;
  }

  /** From the one that goes first to the last used. */
  entries(): [string, V][] {
    return [...this.#values];
  }

  get(key: string): V | undefined {
    const value = this.#values.get(key);
    if (value === undefined) return undefined;
    this.#values.delete(key);
    this.#values.set(key, value);
    return value;
  }

  set(key: string, value: V): void {
    this.#values.set(key, value);
    for (const [oldest, old] of this.#values) {
      if (this.#values.size <= this.#limit) return;
      this.#values.delete(oldest);
      this.#release(old);
    }
  }

  /** Releases all. */
  clear(): void {
    for (const [, value] of this.take()) this.#release(value);
  }

  /** Gives all away. */
  take(): [string, V][] {
    const entries = this.entries();
    this.#values.clear();
    return entries;
  }
}
