import { squareOf } from '../entry.ts';
import type { Calibration } from './calibrate.ts';
import { type Drift, DriftWatch } from './drift.ts';

/** An entry that a search found. */
export interface Comparison {
  readonly similarity: number;
  readonly camera?: string | undefined;
}

/** Answers by a calibration, and watches whether queries still look like its images. */
export class Threshold {
  readonly calibration: Calibration;
  readonly #watch: DriftWatch;

  constructor(calibration: Calibration) {
    this.calibration = calibration;
    this.#watch = new DriftWatch(calibration.reference);
  }

  /** Whether an entry reaches the threshold of its camera and the query's, or the one of all. */
  verdict(found: readonly Comparison[], queryCamera: string | undefined): 'match' | 'unknown' {
    const reaches = ({ similarity, camera }: Comparison) =>
      similarity >= this.#thresholdFor(queryCamera, camera);
    return found.some(reaches) ? 'match' : 'unknown';
  }

  #thresholdFor(one: string | undefined, other: string | undefined): number {
    const { threshold, cameraPairs } = this.calibration;
    if (one === undefined || other === undefined) return threshold;
    const pair = cameraPairs.find(
      ({ cameras: [a, b] }) => (a === one && b === other) || (a === other && b === one),
    );
    return pair?.threshold ?? threshold;
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
