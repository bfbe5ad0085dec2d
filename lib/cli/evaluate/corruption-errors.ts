import type { corruptions } from '../../data/index.ts';
import type { Tensor } from '../../tensor/index.ts';
import { accuracy } from '../../train/index.ts';
import { sumOverRanks } from '../../train/metrics/sum-over-ranks.ts';
import type { Corrupted } from './corrupted.ts';

/**
 * AlexNet's mean errors over the severities in per cent, as Hendrycks and Dietterich (2019) published them: what mCE
 * divides by.
 */
const ALEXNET: Readonly<Record<corruptions.Corruption, number>> = {
  gaussian_noise: 88.6428,
  shot_noise: 89.4468,
  impulse_noise: 92.264,
  defocus_blur: 81.988,
  glass_blur: 82.6268,
  motion_blur: 78.5948,
  zoom_blur: 79.836,
  snow: 86.6816,
  fog: 81.9324,
  brightness: 56.4592,
  contrast: 85.3204,
  elastic_transform: 64.6056,
  pixelate: 71.784,
  jpeg_compression: 60.65,
};

/** Counts errors; a confusion matrix for each of 70 conditions would not fit. */
export class ErrorCount {
  #samples = 0;
  #right = 0;
  #amongFive = 0;
  #hasFive = false;

  update(output: Tensor, target: Tensor): void {
    const [samples, classes] = output.shape as [number, number];
    this.#hasFive = classes >= 5;
    const [top1, top5 = 0] = accuracy(output, target, this.#hasFive ? [1, 5] : [1]) as [number, number?];
    this.#samples += samples;
    this.#right += (samples * top1) / 100;
    this.#amongFive += (samples * top5) / 100;
  }

  /** Adds what the other ranks counted. A rank without samples does not know whether there are five classes. */
  async allReduce(): Promise<void> {
    const mine = [this.#samples, this.#right, this.#amongFive, Number(this.#hasFive)];
    const [samples = 0, right = 0, amongFive = 0, hasFive = 0] = await sumOverRanks(mine);
    [this.#samples, this.#right, this.#amongFive] = [samples, right, amongFive];
    this.#hasFive = hasFive > 0;
  }

  summary(): Pick<SeverityErrors, 'samples' | 'top1Error' | 'top5Error'> {
    const error = (right: number) => 100 - (100 * Math.round(right)) / this.#samples;
    const top5Error = this.#hasFive ? error(this.#amongFive) : null;
    return { samples: this.#samples, top1Error: error(this.#right), top5Error };
  }
}

/** Errors under one corruption at one severity, in per cent. */
export interface SeverityErrors {
  readonly severity: number;
  readonly samples: number;
  readonly top1Error: number;
  /** Null for fewer than five classes. */
  readonly top5Error: number | null;
}

/** Errors under one corruption. */
export interface KindErrors {
  readonly corruption: corruptions.Corruption;
  readonly severities: readonly SeverityErrors[];
  /** Mean top-1 error over the severities. */
  readonly meanError: number;
  /** In per cent of AlexNet's; for ImageNet's 1,000 classes. */
  readonly relativeError?: number;
}

/** Errors under all corruptions. */
export interface CorruptionErrors {
  readonly seed: number;
  readonly kinds: readonly KindErrors[];
  /** Mean over the kinds, unnormalised. */
  readonly meanError: number;
  /** Mean of the relative errors. */
  readonly mCE?: number;
}

/** Sums up what was counted for each of the conditions, which stand kind by kind. */
export function corruptionErrors(
  conditions: readonly Corrupted[],
  counts: readonly ErrorCount[],
  { seed, isImageNet }: { seed: number; isImageNet: boolean },
): CorruptionErrors {
  const found = conditions.map(({ corruption, severity }, index) => ({
    corruption,
    errors: { severity, ...(counts[index] as ErrorCount).summary() },
  }));
  const kinds = [...new Set(found.map(({ corruption }) => corruption))].map((corruption): KindErrors => {
    const severities = found.filter((one) => one.corruption === corruption).map(({ errors }) => errors);
    const meanError = mean(severities.map(({ top1Error }) => top1Error));
    const relativeError = (100 * meanError) / ALEXNET[corruption];
    return { corruption, severities, meanError, ...(isImageNet ? { relativeError } : {}) };
  });
  const meanError = mean(kinds.map((kind) => kind.meanError));
  const mCE = mean(kinds.map(({ relativeError = Number.NaN }) => relativeError));
  return { seed, kinds, meanError, ...(isImageNet ? { mCE } : {}) };
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
