import { checkFlag, checkOptions, checkPositions } from '../../options.ts';
import type { Tensor } from '../../tensor/index.ts';
import { positives } from './bounds.ts';
import { uniform } from './draw.ts';
import {
  type Both,
  type GaussianNoiseOptions,
  gaussianBlur,
  gaussianNoise,
  oddPair,
} from './functional/blur.ts';
import { atLeast } from './functional/image.ts';
import { ImageTransform } from './transform.ts';

/** Options of {@link GaussianBlur}. */
export interface GaussianBlurTransformOptions {
  /** Bounds of the standard deviation in pixels, or the deviation. Default [0.1, 2]. */
  sigma?: number | readonly [number, number];
}

/**
 * Blurs (..., C, H, W) by a random standard deviation. As torchvision's (0.28), with its draws.
 *
 * @param kernelSize odd, in pixels: one number, or across and down
 * @example
 * new transforms.GaussianBlur(5).forward(image);
 */
export class GaussianBlur extends ImageTransform<number> {
  readonly kernelSize: readonly [across: number, down: number];
  readonly sigma: readonly [number, number];

  constructor(kernelSize: Both, options: GaussianBlurTransformOptions = {}) {
    checkPositions('GaussianBlur', arguments, 2);
    super();
    checkOptions('GaussianBlur', options, ['sigma']);
    const { sigma = [0.1, 2] } = options;
    this.kernelSize = oddPair(kernelSize, 'GaussianBlur kernelSize');
    this.sigma = positives(typeof sigma === 'number' ? [sigma, sigma] : sigma, 'GaussianBlur sigma');
  }

  override makeParams(): number {
    return uniform(...this.sigma);
  }

  transform(image: Tensor, sigma: number): Tensor {
    return gaussianBlur(image, this.kernelSize, { sigma });
  }
}

/** Adds noise to a uint8 or floating point image. As torchvision's (0.28), with its draws. */
export class GaussianNoise extends ImageTransform {
  readonly mean: number;
  readonly sigma: number;
  readonly clip: boolean;

  constructor(options: GaussianNoiseOptions = {}) {
    checkPositions('GaussianNoise', arguments, 1);
    super();
    checkOptions('GaussianNoise', options, ['mean', 'sigma', 'clip']);
    this.mean = options.mean ?? 0;
    this.sigma = atLeast(0, options.sigma ?? 0.1, 'GaussianNoise sigma');
    const { clip = true } = options;
    checkFlag('GaussianNoise clip', clip);
    this.clip = clip;
  }

  transform(image: Tensor): Tensor {
    const { mean, sigma, clip } = this;
    return gaussianNoise(image, { mean, sigma, clip });
  }
}
