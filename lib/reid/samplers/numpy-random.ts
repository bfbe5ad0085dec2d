import { MersenneTwister } from './mersenne-twister.ts';
import { swap } from './python-random.ts';

/** The draws of `numpy.random`'s functions (2.4) under `numpy.random.seed(seed)`. */
export class NumpyRandom {
  readonly #twister = new MersenneTwister();

  /** @param seed From 0 to 2^32 - 1. */
  constructor(seed: number) {
    this.#twister.seed(seed);
  }

  /** A whole number from 0 to `most`. */
  upTo(most: number): number {
    if (most === 0) return 0;
    const mask = 0xffffffff >>> Math.clz32(most);
    let drawn = (this.#twister.next() & mask) >>> 0;
    while (drawn > most) drawn = (this.#twister.next() & mask) >>> 0;
    return drawn;
  }

  /** `shuffle(items)`, in place. */
  shuffle(items: unknown[]): void {
    for (let i = items.length - 1; i > 0; i--) swap(items, i, this.upTo(i));
  }

  /** `permutation(count)`. */
  permutation(count: number): number[] {
    const order = Array.from({ length: count }, (_, i) => i);
    this.shuffle(order);
    return order;
  }

  /** `choice(items, size, replace)`. */
  choice<T>(items: readonly T[], size: number, replace: boolean): T[] {
    const places = replace
      ? Array.from({ length: size }, () => this.upTo(items.length - 1))
      : this.permutation(items.length).slice(0, size);
    return places.map((place) => items[place] as T);
  }
}
