import { checkOptions, checkPositions, describeValue } from '../../../options.ts';
import { scope, type Tensor, where } from '../../../tensor/index.ts';
import { toDtype } from './dtype.ts';
import {
  atLeast,
  channelsOf,
  checkChannels,
  checkImage,
  floating,
  listOf,
  maxValue,
  repr,
  valueBits,
} from './image.ts';

/** Options of {@link rgbToGrayscale}. */
export interface RgbToGrayscaleOptions {
  /** 1, or 3 equal ones. Default 1. */
  numOutputChannels?: 1 | 3;
}

/**
 * Turns RGB (..., 3, H, W) into gray, of one channel or three equal ones, by the formula of torchvision's tensors
 * (0.28): integers are truncated, where Pillow's `convert('L')` and {@link Grayscale} round. Gray images keep their values.
 */
export function rgbToGrayscale(image: Tensor, options: RgbToGrayscaleOptions = {}): Tensor {
  checkPositions('rgbToGrayscale', arguments, 2);
  checkImage(image, 'rgbToGrayscale');
  checkOptions('rgbToGrayscale', options, ['numOutputChannels']);
  const wanted = checkGrayChannels(options.numOutputChannels ?? 1, 'rgbToGrayscale');
  return scope(() => {
    const gray = checkChannels(image, 'rgbToGrayscale') === 1 ? image : luma(image).to(image.dtype);
    if (wanted === 1) return gray;
    const shape = [...gray.shape];
    shape[shape.length - 3] = 3;
    return gray.expand(shape);
  });
}

/** 1 or 3, the numbers of channels that a gray image may have. */
export function checkGrayChannels(count: unknown, name: string): 1 | 3 {
  if (count === 1 || count === 3) return count;
  throw new RangeError(`Expected 1 or 3 for ${name} numOutputChannels, got ${describeValue(count)}`);
}

/** Gray of RGB in float32, or the image's own floating point dtype. */
function luma(image: Tensor): Tensor {
  const [r, g, b] = image.unbind(-3) as [Tensor, Tensor, Tensor];
  return r.mul(0.2989).add_(g, { alpha: 0.587 }).add_(b, { alpha: 0.114 }).unsqueeze(-3);
}

/** `luma`, whole numbers for images of integers. */
function wholeLuma(image: Tensor): Tensor {
  return image.isFloatingPoint() ? luma(image) : luma(image).floor_();
}

/** `image` x `ratio` + `other` x (1 - `ratio`), cut at black and white. */
function blend(image: Tensor, other: Tensor, ratio: number): Tensor {
  const mixed = floating(image)
    .mul(ratio)
    .add_(other, { alpha: 1 - ratio });
  return mixed.clamp_(0, maxValue(image.dtype)).to(image.dtype);
}

/** Multiplies (..., 1 or 3, H, W) by `brightnessFactor`: 0 is black, 1 the image. As torchvision's (0.28). */
export function adjustBrightness(image: Tensor, brightnessFactor: number): Tensor {
  checkPositions('adjustBrightness', arguments, 2);
  checkImage(image, 'adjustBrightness');
  atLeast(0, brightnessFactor, 'adjustBrightness brightnessFactor');
  checkChannels(image, 'adjustBrightness');
  return scope(() => floating(image).mul(brightnessFactor).clamp_(0, maxValue(image.dtype)).to(image.dtype));
}

/** Mixes (..., 1 or 3, H, W) with its own gray: 0 is gray, 1 the image. As torchvision's (0.28). */
export function adjustSaturation(image: Tensor, saturationFactor: number): Tensor {
  checkPositions('adjustSaturation', arguments, 2);
  checkImage(image, 'adjustSaturation');
  atLeast(0, saturationFactor, 'adjustSaturation saturationFactor');
  if (checkChannels(image, 'adjustSaturation') === 1) return image;
  return scope(() => blend(image, wholeLuma(image), saturationFactor));
}

/** Mixes (..., 1 or 3, H, W) with its mean gray: 0 is flat, 1 the image. As torchvision's (0.28). */
export function adjustContrast(image: Tensor, contrastFactor: number): Tensor {
  checkPositions('adjustContrast', arguments, 2);
  checkImage(image, 'adjustContrast');
  atLeast(0, contrastFactor, 'adjustContrast contrastFactor');
  const channels = checkChannels(image, 'adjustContrast');
  return scope(() => {
    const gray = channels === 3 ? wholeLuma(image) : floating(image);
    return blend(image, gray.mean([-3, -2, -1], true), contrastFactor);
  });
}

/** Options of {@link adjustGamma}. */
export interface AdjustGammaOptions {
  /** Multiplies what comes out. Default 1. */
  gain?: number;
}

/** `gain` x image ^ `gamma`, with white as 1. As torchvision's (0.28). */
export function adjustGamma(image: Tensor, gamma: number, options: AdjustGammaOptions = {}): Tensor {
  checkPositions('adjustGamma', arguments, 3);
  checkImage(image, 'adjustGamma');
  checkOptions('adjustGamma', options, ['gain']);
  atLeast(0, gamma, 'adjustGamma gamma');
  const gain = options.gain ?? 1;
  return scope(() => {
    const base = image.isFloatingPoint() ? image : toDtype(image, 'float32', { scale: true });
    const power = base.pow(gamma);
    return toDtype(gain === 1 ? power : power.mul(gain).clamp_(0, 1), image.dtype, { scale: true });
  });
}

/** Black becomes white and the reverse. As torchvision's (0.28). */
export function invert(image: Tensor): Tensor {
  checkPositions('invert', arguments, 1);
  checkImage(image, 'invert');
  if (image.isFloatingPoint()) return scope(() => image.neg().add_(1));
  if (image.dtype === 'uint8') return image.bitwiseNot();
  return image.bitwiseXor(2 ** valueBits(image.dtype, 'invert') - 1);
}

/**
 * Keeps the upper `bits` (0 to 8) of each value. As torchvision's (0.28).
 *
 * @throws RangeError for other numbers of bits
 */
export function posterize(image: Tensor, bits: number): Tensor {
  checkPositions('posterize', arguments, 2);
  checkImage(image, 'posterize');
  if (!Number.isInteger(bits) || bits < 0 || bits > 8) {
    throw new RangeError(`Expected an integer from 0 to 8 for posterize bits, got ${describeValue(bits)}`);
  }
  const levels = 2 ** bits;
  if (image.isFloatingPoint()) {
    return scope(() =>
      image
        .mul(levels)
        .floor_()
        .clamp_(0, levels - 1)
        .mul_(1 / levels),
    );
  }
  const all = valueBits(image.dtype, 'posterize');
  return bits >= all ? image : image.bitwiseAnd((levels - 1) * 2 ** (all - bits));
}

/**
 * Inverts values from `threshold` on. As torchvision's (0.28).
 *
 * @throws RangeError for a threshold above white
 */
export function solarize(image: Tensor, threshold: number): Tensor {
  checkPositions('solarize', arguments, 2);
  checkImage(image, 'solarize');
  const white = maxValue(image.dtype);
  if (!(threshold <= white)) {
    const got = describeValue(threshold);
    throw new RangeError(`Expected at most ${white} for solarize threshold of ${image.dtype}, got ${got}`);
  }
  return scope(() => where(image.ge(threshold), invert(image), image));
}

/**
 * Puts channel `permutation[i]` of (..., C, H, W) in the place of channel i. As torchvision's (0.28).
 *
 * @throws RangeError unless there is a number for each channel
 */
export function permuteChannels(image: Tensor, permutation: readonly number[]): Tensor {
  checkPositions('permuteChannels', arguments, 2);
  checkImage(image, 'permuteChannels');
  const channels = channelsOf(image, 'permuteChannels');
  if (listOf(permutation).length !== channels) {
    throw new RangeError(
      `Expected ${channels} numbers for permuteChannels permutation, got ${repr(permutation)}`,
    );
  }
  return scope(() => image.index('...', [...permutation], ':', ':'));
}
