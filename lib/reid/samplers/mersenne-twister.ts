const N = 624;
const M = 397;

/** The Mersenne Twister MT19937: 32 bits at a time, as Python's `random` and numpy's `RandomState` draw them. */
export class MersenneTwister {
  readonly #state = new Uint32Array(N);
  #index = N;

  /** Seeds with one number, as numpy does. */
  seed(seed: number): this {
    let value = seed >>> 0;
    for (let i = 0; i < N; i++) {
      this.#state[i] = value;
      value = (Math.imul(1812433253, value ^ (value >>> 30)) + i + 1) >>> 0;
    }
    this.#index = N;
    return this;
  }

  /** Seeds with several numbers, as Python does with the 32-bit digits of its seed. */
  seedByArray(keys: readonly number[]): this {
    this.seed(19650218);
    const state = this.#state;
    const mix = (i: number, factor: number): number => {
      const before = state[i - 1] as number;
      return ((state[i] as number) ^ Math.imul(before ^ (before >>> 30), factor)) >>> 0;
    };
    let i = 1;
    const next = () => {
      i++;
      if (i < N) return;
      state[0] = state[N - 1] as number;
      i = 1;
    };
    for (let k = 0, j = 0; k < Math.max(N, keys.length); k++, j = (j + 1) % keys.length) {
      state[i] = (mix(i, 1664525) + (keys[j] as number) + j) >>> 0;
      next();
    }
    for (let k = 0; k < N - 1; k++) {
      state[i] = (mix(i, 1566083941) - i) >>> 0;
      next();
    }
    state[0] = 0x80000000;
    return this;
  }

  /** The next 32 bits. */
  next(): number {
    if (this.#index >= N) this.#twist();
    let y = this.#state[this.#index++] as number;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  #twist(): void {
    const state = this.#state;
    for (let i = 0; i < N; i++) {
      const y = ((state[i] as number) & 0x80000000) | ((state[(i + 1) % N] as number) & 0x7fffffff);
      const odd = y & 1 ? 0x9908b0df : 0;
      state[i] = (state[(i + M) % N] as number) ^ (y >>> 1) ^ odd;
    }
    this.#index = 0;
  }
}
