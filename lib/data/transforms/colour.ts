import { checkOptions, checkPositions } from '../../options.ts';
import { scope, type Tensor, tensor } from '../../tensor/index.ts';
import { RandomApplied, randomOrder, uniform } from './draw.ts';
import {
  adjustBrightness,
  adjustContrast,
  adjustSaturation,
  checkGrayChannels,
  permuteChannels,
  rgbToGrayscale,
} from './functional/colour.ts';
import { adjustHue } from './functional/hue.ts';
import { channelsOf, repr } from './functional/image.ts';
import { ImageTransform, imageSize } from './transform.ts';

/**
 * Turns an RGB image (..., 3, H, W) into gray with one channel, or three equal ones. An image of one channel keeps its
 * values. `uint8` by the formula of Pillow's `convert('L')`, which rounds; other dtypes as torchvision's tensors (0.28).
 */
export class Grayscale extends ImageTransform {
  readonly numOutputChannels: 1 | 3;
  constructor(numOutputChannels: 1 | 3 = 1) {
    checkPositions('Grayscale', arguments, 1);
    super();
    this.numOutputChannels = checkGrayChannels(numOutputChannels, 'Grayscale');
  }

  transform(image: Tensor): Tensor {
    imageSize(image, 'Grayscale');
    const { numOutputChannels } = this;
    if (image.dtype !== 'uint8' || image.shape.at(-3) !== 3)
      return rgbToGrayscale(image, { numOutputChannels });
    return scope(() => rgbToGrayscale(pillowLuma(image), { numOutputChannels }));
  }

  override extraRepr(): string {
    return `num_output_channels=${this.numOutputChannels}`;
  }
}

/** Pillow's Convert.c, in 16-bit fixed point. */
function pillowLuma(image: Tensor): Tensor {
  const weights = tensor([19595, 38470, 7471], { dtype: 'int32', device: image.device }).view([3, 1, 1]);
  const sum = image.to('int32').mul(weights).sum([-3], true, { dtype: 'int32' });
  return sum.add(0x8000).bitwiseRightShift(16).to('uint8');
}

/** Gray with probability `p`, default 0.1, in as many channels as before. As torchvision's (0.28), with its draws. */
export class RandomGrayscale extends RandomApplied {
  constructor(p = 0.1) {
    checkPositions('RandomGrayscale', arguments, 1);
    super(p);
  }

  protected change(image: Tensor): Tensor {
    const numOutputChannels = checkGrayChannels(channelsOf(image, 'RandomGrayscale'), 'RandomGrayscale');
    return rgbToGrayscale(image, { numOutputChannels });
  }
}

/** Three equal channels of a gray image; RGB stays. As torchvision's (0.28). */
export class RGB extends ImageTransform {
  transform(image: Tensor): Tensor {
    return channelsOf(image, 'RGB') >= 3 ? image : rgbToGrayscale(image, { numOutputChannels: 3 });
  }
}

/** A random order of the channels. As torchvision's (0.28), with its draws. */
export class RandomChannelPermutation extends ImageTransform<number[]> {
  override makeParams(image: Tensor): number[] {
    return randomOrder(channelsOf(image, 'RandomChannelPermutation'));
  }

  transform(image: Tensor, permutation: number[]): Tensor {
    return permuteChannels(image, permutation);
  }
}

/** How much: a number for both sides of no change, or bounds. */
export type Jitter = number | readonly [low: number, high: number];

/** Options of {@link ColorJitter}. */
export interface ColorJitterOptions {
  /** Factors from max(0, 1 - x) to 1 + x, or bounds of at least 0. Default none. */
  brightness?: Jitter;
  /** Factors from max(0, 1 - x) to 1 + x, or bounds of at least 0. Default none. */
  contrast?: Jitter;
  /** Factors from max(0, 1 - x) to 1 + x, or bounds of at least 0. Default none. */
  saturation?: Jitter;
  /** Turns of the colour wheel from -x to x, or bounds from -0.5 to 0.5. Default none. */
  hue?: Jitter;
}

const ADJUST = {
  brightness: adjustBrightness,
  contrast: adjustContrast,
  saturation: adjustSaturation,
  hue: adjustHue,
};
type Quality = keyof typeof ADJUST;
const QUALITIES = Object.keys(ADJUST) as Quality[];

interface JitterParams {
  readonly order: readonly number[];
  readonly factors: Partial<Record<Quality, number>>;
}

/**
 * Changes brightness, contrast, saturation and hue at random, in a random order. As torchvision's (0.28), with its
 * draws.
 *
 * @example
 * new transforms.ColorJitter({ brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 }).forward(image);
 */
export class ColorJitter extends ImageTransform<JitterParams> {
  readonly brightness: readonly [number, number] | undefined;
  readonly contrast: readonly [number, number] | undefined;
  readonly saturation: readonly [number, number] | undefined;
  readonly hue: readonly [number, number] | undefined;

  constructor(options: ColorJitterOptions = {}) {
    checkPositions('ColorJitter', arguments, 1);
    super();
    checkOptions('ColorJitter', options, QUALITIES);
    this.brightness = jitterRange(options.brightness, 'brightness');
    this.contrast = jitterRange(options.contrast, 'contrast');
    this.saturation = jitterRange(options.saturation, 'saturation');
    this.hue = jitterRange(options.hue, 'hue');
  }

  override makeParams(): JitterParams {
    const order = randomOrder(QUALITIES.length);
    const factors: Partial<Record<Quality, number>> = {};
    for (const quality of QUALITIES) {
      const range = this[quality];
      if (range !== undefined) factors[quality] = uniform(...range);
    }
    return { order, factors };
  }

  transform(image: Tensor, { order, factors }: JitterParams): Tensor {
    return scope(() =>
      order.reduce((current, at) => {
        const quality = QUALITIES[at] as Quality;
        const factor = factors[quality];
        return factor === undefined ? current : ADJUST[quality](current, factor);
      }, image),
    );
  }
}

function jitterRange(value: Jitter | undefined, quality: Quality): readonly [number, number] | undefined {
  if (value === undefined) return undefined;
  const [center, least, most] = quality === 'hue' ? [0, -0.5, 0.5] : [1, 0, Infinity];
  const [low, high] = bounds(value, center, quality === 'hue');
  if (!(least <= low && low <= high && high <= most)) {
    const wanted = quality === 'hue' ? 'bounds from -0.5 to 0.5' : 'bounds of at least 0';
    throw new RangeError(
      `Expected a number or ${wanted} in order for ColorJitter ${quality}, got ${repr(value)}`,
    );
  }
  return low === center && high === center ? undefined : [low, high];
}

/** A negative number gives bounds that are not in order, and so is refused. */
function bounds(value: Jitter, center: number, mayBeNegative: boolean): readonly [number, number] {
  if (typeof value !== 'number') return Array.isArray(value) && value.length === 2 ? value : [1, 0];
  const low = center - value;
  return value >= 0 && !mayBeNegative ? [Math.max(low, 0), center + value] : [low, center + value];
}
