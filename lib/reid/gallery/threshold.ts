import type { Calibration } from './calibrate.ts';
import { type Drift, DriftWatch } from './drift.ts';
import { squareOf } from './entry.ts';

/** Answers by a calibration, and watches whether queries still look like its images. */
export class Threshold {
  readonly calibration: Calibration;
  readonly #watch: DriftWatch;

  constructor(calibration: Calibration) {
    this.calibration = calibration;
    this.#watch = new DriftWatch(calibration.reference);
  }

  verdict(similarity: number | undefined): 'match' | 'unknown' {
    return similarity !== undefined && similarity >= this.calibration.threshold ? 'match' : 'unknown';
  }

  see(query: Float32Array): void {
    const { centre } = this.calibration;
    const product = query.reduce((sum, value, index) => sum + value * (centre[index] as number), 0);
    this.#watch.add(product / Math.sqrt(squareOf(query)));
  }

  drift(): Drift {
    return this.#watch.state();
  }
}
