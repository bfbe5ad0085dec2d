/** Whether queries look as those that the threshold was made of. */
export interface Drift {
  readonly drifted: boolean;
  /** The largest distance of the two distribution functions (Kolmogorov and Smirnov). */
  readonly statistic: number;
  /** Above it they differ, at a level of 0.001. */
  readonly limit: number;
  /** Searches that were compared: the latest, up to 500. */
  readonly searches: number;
}

const WINDOW = 500;
const LEAST = 50;
// sqrt(-ln(0.001 / 2) / 2)
const COEFFICIENT = 1.9495;

/** Compares how like queries are to the centre of the calibration's features with how like its own images are. */
export class DriftWatch {
  readonly #reference: Float64Array;
  #recent: number[] = [];

  /** @param reference ascending */
  constructor(reference: Float64Array) {
    this.#reference = reference;
  }

  add(likeness: number): void {
    this.#recent.push(likeness);
    if (this.#recent.length > WINDOW) this.#recent = this.#recent.slice(-WINDOW);
  }

  /** Before 50 searches nothing is said to have drifted. */
  state(): Drift {
    const searches = this.#recent.length;
    const statistic =
      searches === 0
        ? 0
        : distance(
            this.#reference,
            [...this.#recent].sort((a, b) => a - b),
          );
    const limit = searches === 0 ? 1 : COEFFICIENT * Math.sqrt(1 / searches + 1 / this.#reference.length);
    return { drifted: searches >= LEAST && statistic > limit, statistic, limit, searches };
  }
}

function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [i, j, most] = [0, 0, 0];
  while (i < a.length && j < b.length) {
    const value = Math.min(a[i] as number, b[j] as number);
    while (i < a.length && (a[i] as number) <= value) i++;
    while (j < b.length && (b[j] as number) <= value) j++;
    most = Math.max(most, Math.abs(i / a.length - j / b.length));
  }
  return most;
}
