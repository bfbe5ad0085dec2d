import { MersenneTwister } from './mersenne-twister.ts';

/** The draws of Python's `random` (3.11) under `random.seed(seed)`. */
export class PythonRandom {
  readonly #twister = new MersenneTwister();

  constructor(seed: number) {
    this.#twister.seedByArray(digits(seed));
  }

  /** `random()`: from [0, 1). */
  random(): number {
    const [a, b] = [this.#twister.next() >>> 5, this.#twister.next() >>> 6];
    return (a * 67108864 + b) / 9007199254740992;
  }

  /** `uniform(low, high)`. */
  uniform(low: number, high: number): number {
    return low + (high - low) * this.random();
  }

  /** `randrange(n)`: a whole number below `n`. */
  below(n: number): number {
    const bits = 32 - Math.clz32(n);
    let drawn = this.#twister.next() >>> (32 - bits);
    while (drawn >= n) drawn = this.#twister.next() >>> (32 - bits);
    return drawn;
  }

  /** `shuffle(items)`, in place. */
  shuffle(items: unknown[]): void {
    for (let i = items.length - 1; i > 0; i--) swap(items, i, this.below(i + 1));
  }

  /** `sample(items, count)`. */
  sample<T>(items: readonly T[], count: number): T[] {
    const size = items.length;
    // Where a set of chosen places is smaller than a copy of the list, Python keeps that.
    const setSize = 21 + (count > 5 ? 4 ** Math.ceil(Math.log(count * 3) / Math.log(4)) : 0);
    return size <= setSize ? this.#fromPool(items, count) : this.#fromPlaces(items, count);
  }

  #fromPool<T>(items: readonly T[], count: number): T[] {
    const pool = [...items];
    return Array.from({ length: count }, (_, i) => {
      const j = this.below(pool.length - i);
      const chosen = pool[j] as T;
      pool[j] = pool[pool.length - i - 1] as T;
      return chosen;
    });
  }

  #fromPlaces<T>(items: readonly T[], count: number): T[] {
    const chosen = new Set<number>();
    return Array.from({ length: count }, () => {
      let j = this.below(items.length);
      while (chosen.has(j)) j = this.below(items.length);
      chosen.add(j);
      return items[j] as T;
    });
  }
}

/** The 32-bit digits of a seed, the lowest first. */
function digits(seed: number): number[] {
  const low = seed % 0x100000000;
  const high = Math.floor(seed / 0x100000000);
  return high === 0 ? [low] : [low, high];
}

export function swap(items: unknown[], i: number, j: number): void {
  [items[i], items[j]] = [items[j], items[i]];
}
