import { checkOptions, checkPositions } from '../../options.ts';
import { scope, type Tensor } from '../../tensor/index.ts';
import { isSpared, probability, randomFraction, randomOrder, uniform } from './draw.ts';
import { adjustBrightness, adjustContrast, adjustSaturation, permuteChannels } from './functional/colour.ts';
import { adjustHue } from './functional/hue.ts';
import { channelsOf, listOf, repr } from './functional/image.ts';
import { ImageTransform } from './transform.ts';

type Range = readonly [low: number, high: number];

/** Options of {@link RandomPhotometricDistort}. */
export interface RandomPhotometricDistortOptions {
  /** Default [0.875, 1.125]. */
  brightness?: Range;
  /** Default [0.5, 1.5]. */
  contrast?: Range;
  /** Default [0.5, 1.5]. */
  saturation?: Range;
  /** Default [-0.05, 0.05]. */
  hue?: Range;
  /** Probability of each change. Default 0.5. */
  p?: number;
}

interface Distortion {
  readonly brightness: number | null;
  readonly contrast: number | null;
  readonly saturation: number | null;
  readonly hue: number | null;
  readonly isContrastFirst: boolean;
  readonly permutation: readonly number[] | null;
}

/** Distorts colours as for SSD (arxiv.org/abs/1512.02325). As torchvision's (0.28), with its draws. */
export class RandomPhotometricDistort extends ImageTransform<Distortion> {
  readonly brightness: Range;
  readonly contrast: Range;
  readonly hue: Range;
  readonly saturation: Range;
  readonly p: number;

  constructor(options: RandomPhotometricDistortOptions = {}) {
    checkPositions('RandomPhotometricDistort', arguments, 1);
    super();
    checkOptions('RandomPhotometricDistort', options, ['brightness', 'contrast', 'saturation', 'hue', 'p']);
    this.brightness = range(options.brightness ?? [0.875, 1.125], 0, Infinity, 'brightness');
    this.contrast = range(options.contrast ?? [0.5, 1.5], 0, Infinity, 'contrast');
    this.hue = range(options.hue ?? [-0.05, 0.05], -0.5, 0.5, 'hue');
    this.saturation = range(options.saturation ?? [0.5, 1.5], 0, Infinity, 'saturation');
    this.p = probability(options.p ?? 0.5, 'RandomPhotometricDistort');
  }

  override makeParams(image: Tensor): Distortion {
    const factor = (bounds: Range) => (isSpared(this.p) ? null : uniform(...bounds));
    return {
      brightness: factor(this.brightness),
      contrast: factor(this.contrast),
      saturation: factor(this.saturation),
      hue: factor(this.hue),
      isContrastFirst: randomFraction() < 0.5,
      permutation: isSpared(this.p) ? null : randomOrder(channelsOf(image, 'RandomPhotometricDistort')),
    };
  }

  transform(image: Tensor, { isContrastFirst, permutation, ...factors }: Distortion): Tensor {
    const contrast = [adjustContrast, factors.contrast] as const;
    const steps = [
      [adjustBrightness, factors.brightness] as const,
      ...(isContrastFirst ? [contrast] : []),
      [adjustSaturation, factors.saturation] as const,
      [adjustHue, factors.hue] as const,
      ...(isContrastFirst ? [] : [contrast]),
    ];
    return scope(() => {
      const changed = steps.reduce(
        (current, [adjust, factor]) => (factor === null ? current : adjust(current, factor)),
        image,
      );
      return permutation === null ? changed : permuteChannels(changed, permutation);
    });
  }
}

function range(value: Range, least: number, most: number, name: string): Range {
  const [low = Number.NaN, high = Number.NaN] = listOf(value);
  if (low >= least && low <= high && high <= most) return value;
  throw new RangeError(
    `Expected ${least} <= low <= high <= ${most} for RandomPhotometricDistort ${name}, got ${repr(value)}`,
  );
}
