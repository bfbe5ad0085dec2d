import { checkOptions, checkPositions } from '../../options.ts';
import type { Tensor } from '../../tensor/index.ts';
import { RandomApplied } from './draw.ts';
import { adjustSharpness } from './functional/blur.ts';
import { invert, posterize, solarize } from './functional/colour.ts';
import { autocontrast, equalize } from './functional/histogram.ts';
import { atLeast } from './functional/image.ts';

/** Options of what happens to an image with some probability. */
export interface ProbabilityOptions {
  /** Probability. Default 0.5. */
  p?: number;
}

/** Inverts colours with probability `p`, default 0.5. As torchvision's (0.28), with its draws. */
export class RandomInvert extends RandomApplied {
  constructor(p = 0.5) {
    checkPositions('RandomInvert', arguments, 1);
    super(p);
  }

  protected change(image: Tensor): Tensor {
    return invert(image);
  }
}

/** {@link functional.equalize} with probability `p`, default 0.5. As torchvision's (0.28), with its draws. */
export class RandomEqualize extends RandomApplied {
  constructor(p = 0.5) {
    checkPositions('RandomEqualize', arguments, 1);
    super(p);
  }

  protected change(image: Tensor): Tensor {
    return equalize(image);
  }
}

/** {@link functional.autocontrast} with probability `p`, default 0.5. As torchvision's (0.28), with its draws. */
export class RandomAutocontrast extends RandomApplied {
  constructor(p = 0.5) {
    checkPositions('RandomAutocontrast', arguments, 1);
    super(p);
  }

  protected change(image: Tensor): Tensor {
    return autocontrast(image);
  }
}

/** Keeps the upper `bits` of each value, with probability `p`. As torchvision's (0.28), with its draws. */
export class RandomPosterize extends RandomApplied {
  readonly bits: number;
  constructor(bits: number, options: ProbabilityOptions = {}) {
    checkPositions('RandomPosterize', arguments, 2);
    checkOptions('RandomPosterize', options, ['p']);
    super(options.p ?? 0.5);
    if (!Number.isInteger(bits) || bits < 0 || bits > 8) {
      throw new RangeError(`Expected an integer from 0 to 8 for RandomPosterize bits, got ${bits}`);
    }
    this.bits = bits;
  }

  protected change(image: Tensor): Tensor {
    return posterize(image, this.bits);
  }
}

/** Inverts values from `threshold` on, with probability `p`. As torchvision's (0.28), with its draws. */
export class RandomSolarize extends RandomApplied {
  readonly threshold: number;
  constructor(threshold: number, options: ProbabilityOptions = {}) {
    checkPositions('RandomSolarize', arguments, 2);
    checkOptions('RandomSolarize', options, ['p']);
    super(options.p ?? 0.5);
    this.threshold = atLeast(0, threshold, 'RandomSolarize threshold');
  }

  protected change(image: Tensor): Tensor {
    return solarize(image, this.threshold);
  }
}

/** {@link functional.adjustSharpness} with probability `p`. As torchvision's (0.28), with its draws. */
export class RandomAdjustSharpness extends RandomApplied {
  readonly sharpnessFactor: number;
  constructor(sharpnessFactor: number, options: ProbabilityOptions = {}) {
    checkPositions('RandomAdjustSharpness', arguments, 2);
    checkOptions('RandomAdjustSharpness', options, ['p']);
    super(options.p ?? 0.5);
    this.sharpnessFactor = atLeast(0, sharpnessFactor, 'RandomAdjustSharpness sharpnessFactor');
  }

  protected change(image: Tensor): Tensor {
    return adjustSharpness(image, this.sharpnessFactor);
  }
}
