import type { Sampler, Sized } from '../../data/index.ts';
import { RandomSampler } from '../../data/index.ts';

/**
 * Repeated augmentation: each image `repeats` times in a row, each cropped anew, in an epoch as long as one without. As
 * torchvision's reference script for one process, less its rounding of the epoch to 256 images.
 */
export class RepeatSampler implements Sampler {
  readonly length: number;
  /** Where a `DataLoader` looks for generators. */
  readonly sampler: RandomSampler;
  readonly #repeats: number;

  constructor(source: Sized, repeats: number) {
    this.length = source.length;
    this.sampler = new RandomSampler(source);
    this.#repeats = repeats;
  }

  *[Symbol.iterator](): Generator<number, void, undefined> {
    let left = this.length;
    for (const index of this.sampler) {
      for (let i = 0; i < this.#repeats && left > 0; i++, left--) yield index;
      if (left === 0) return;
    }
  }
}
