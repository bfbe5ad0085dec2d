const BINS = 4096;
const MIDDLE = BINS / 2;

/** Counts of values from -reach to reach; reach is a power of two and doubles when a larger value comes. */
export class Histogram {
  min = Number.POSITIVE_INFINITY;
  max = Number.NEGATIVE_INFINITY;
  count = 0;
  readonly bins = new Float64Array(BINS);
  #reach = 0;

  /** @returns false where a value is no finite number; nothing is counted then. */
  add(values: Float32Array): boolean {
    let [min, max] = [this.min, this.max];
    for (let i = 0; i < values.length; i++) {
      const value = values[i] as number;
      if (value < min) min = value;
      if (value > max) max = value;
      // NaN and infinities alone give no zero.
      if (value - value !== 0) return false;
    }
    [this.min, this.max] = [min, max];
    this.#grow(Math.max(Math.abs(min), Math.abs(max)));
    this.#countAll(values);
    this.count += values.length;
    return true;
  }

  /** Width of a bin; the first begins at -reach. */
  get width(): number {
    return this.#reach / MIDDLE;
  }

  /** Counts by magnitude: bin i holds those of i * width to (i + 1) * width and their negatives. */
  magnitudes(): Float64Array {
    return Float64Array.from({ length: MIDDLE }, (_, i) => this.#at(MIDDLE + i) + this.#at(MIDDLE - 1 - i));
  }

  #at(bin: number): number {
    return this.bins[bin] as number;
  }

  #grow(size: number): void {
    if (size === 0 && this.#reach === 0) this.#reach = 2 ** -20;
    if (this.#reach === 0) this.#reach = 2 ** Math.ceil(Math.log2(size));
    while (this.#reach < size) this.#double();
  }

  /** Two bins become one, towards the middle. */
  #double(): void {
    const old = this.bins.slice();
    this.bins.fill(0);
    for (let i = 0; i < BINS; i++) this.#put(MIDDLE + Math.floor((i - MIDDLE) / 2), old[i] as number);
    this.#reach *= 2;
  }

  #put(bin: number, count: number): void {
    this.bins[bin] = this.#at(bin) + count;
  }

  #countAll(values: Float32Array): void {
    const { bins } = this;
    const inverse = MIDDLE / this.#reach;
    for (let i = 0; i < values.length; i++) {
      const bin = Math.floor((values[i] as number) * inverse) + MIDDLE;
      bins[bin < BINS ? bin : BINS - 1] = (bins[bin < BINS ? bin : BINS - 1] as number) + 1;
    }
  }
}
