/** Ids in the order of their code units, kept in it as they come and go. */
export class SortedIds {
  #ids: string[];

  constructor(ids: readonly string[]) {
    this.#ids = [...ids].sort(compareIds);
  }

  get all(): readonly string[] {
    return this.#ids;
  }

  add(id: string): void {
    const at = this.#placeOf(id);
    if (this.#ids[at] !== id) this.#ids.splice(at, 0, id);
  }

  delete(id: string): void {
    const at = this.#placeOf(id);
    if (this.#ids[at] === id) this.#ids.splice(at, 1);
  }

  /** Where it is, or belongs. */
  #placeOf(id: string): number {
    let [low, high] = [0, this.#ids.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ids[middle] as string) < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

const compareIds = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
