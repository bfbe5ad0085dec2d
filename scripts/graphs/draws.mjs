import { Random } from '../fuzz/random.mjs';

export class Draws extends Random {
  /** A whole number from `low` to `high`. */
  int(low, high) {
    return low + this.below(Math.max(1, high - low + 1));
  }
}
