import { checkCount, checkPositions } from '../options.ts';

/**
 * Mean and variance of each channel over the images of a domain, image by image in double precision (Welford), so that the
 * order of a sum of many cannot lose digits.
 *
 * @example
 * const moments = new studies.ChannelMoments(2);
 * moments.add([1, 4]);
 * moments.add([3, 4]);
 * moments.variance; // Float64Array [1, 0]
 */
export class ChannelMoments {
  readonly channels: number;
  #count = 0;
  readonly #mean: Float64Array;
  readonly #squares: Float64Array;

  constructor(channels: number) {
    checkPositions('ChannelMoments', arguments, 1);
    this.channels = checkCount('ChannelMoments', 'channels', channels);
    this.#mean = new Float64Array(channels);
    this.#squares = new Float64Array(channels);
  }

  /** Adds the values of one image, a number for each channel. */
  add(values: ArrayLike<number>): void {
    checkPositions('ChannelMoments.add', arguments, 1);
    if (values.length !== this.channels)
      throw new RangeError(`Expected ${this.channels} values for ChannelMoments.add, got ${values.length}`);
    this.#count++;
    for (let c = 0; c < this.channels; c++) {
      const value = values[c] as number;
      if (!Number.isFinite(value))
        throw new RangeError(`Expected finite values for ChannelMoments.add, got ${value} of channel ${c}`);
      const mean = this.#mean[c] as number;
      const next = mean + (value - mean) / this.#count;
      this.#mean[c] = next;
      this.#squares[c] = (this.#squares[c] as number) + (value - mean) * (value - next);
    }
  }

  /** Images so far. */
  get count(): number {
    return this.#count;
  }

  get mean(): Float64Array {
    return Float64Array.from(this.#mean);
  }

  /** Over the images themselves (divided by their number), as `numpy.var` has it. */
  get variance(): Float64Array {
    return this.#squares.map((sum) => sum / this.#count);
  }
}
