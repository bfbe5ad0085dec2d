/** Means of what a loss function gives, each sample counted once. */
export class Means {
  readonly #sums = new Map<string, { sum: number; weight: number }>();

  add(values: ReadonlyMap<string, number>, weight: number): void {
    for (const [name, value] of values) {
      const entry = this.#sums.get(name) ?? { sum: 0, weight: 0 };
      this.#sums.set(name, { sum: entry.sum + value * weight, weight: entry.weight + weight });
    }
  }

  values(): Record<string, number> {
    return Object.fromEntries([...this.#sums].map(([name, { sum, weight }]) => [name, sum / weight]));
  }

  clear(): void {
    this.#sums.clear();
  }

  state(): Record<string, number[]> {
    return Object.fromEntries([...this.#sums].map(([name, { sum, weight }]) => [name, [sum, weight]]));
  }

  restore(state: Iterable<readonly [string, unknown]>): void {
    this.#sums.clear();
    for (const [name, pair] of state) {
      const [sum = 0, weight = 0] = Array.from(pair as ArrayLike<number>, Number);
      this.#sums.set(name, { sum, weight });
    }
  }
}
