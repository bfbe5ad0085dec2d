import { createHash } from 'node:crypto';

/** Random numbers that a text decides, on every machine alike: sfc32, begun with the text's SHA-256. */
export class SceneRandom {
  readonly #state: Uint32Array;

  constructor(key: string) {
    const digest = createHash('sha256').update(key).digest();
    this.#state = Uint32Array.from({ length: 4 }, (_, i) => digest.readUInt32LE(4 * i));
  }

  /** From 0, below 1. */
  next(): number {
    const state = this.#state as Uint32Array & { 0: number; 1: number; 2: number; 3: number };
    const sum = (state[0] + state[1] + state[3]) >>> 0;
    state[3]++;
    state[0] = state[1] ^ (state[1] >>> 9);
    state[1] = state[2] + (state[2] << 3);
    state[2] = ((state[2] << 21) | (state[2] >>> 11)) + sum;
    return sum / 2 ** 32;
  }

  between(low: number, high: number): number {
    return low + (high - low) * this.next();
  }

  /** A whole number from 0, below `count`. */
  index(count: number): number {
    return Math.floor(this.next() * count);
  }
}
