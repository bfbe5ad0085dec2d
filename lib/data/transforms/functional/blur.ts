import { checkFlag, checkOptions, checkPositions, describeValue } from '../../../options.ts';
import {
  type DType,
  full,
  isTensor,
  linspace,
  ops,
  randn,
  scope,
  type Tensor,
  tensor,
} from '../../../tensor/index.ts';
import { sampleGenerator } from '../../sample-generator.ts';
import {
  asBatch,
  atLeast,
  checkChannels,
  checkImage,
  floating,
  imageSize,
  listOf,
  maxValue,
  repr,
} from './image.ts';
import { pad } from './pad.ts';

/** One number, or one for each direction. */
export type Both = number | readonly [across: number, down: number];

/** Options of {@link gaussianBlur}. */
export interface GaussianBlurOptions {
  /** Standard deviation in pixels. Default 0.15 x kernelSize + 0.35. */
  sigma?: Both;
}

/**
 * Blurs (..., C, H, W) with a Gaussian kernel of odd sizes; edges are reflected. As torchvision's (0.28).
 *
 * @throws RangeError for even kernels, and kernels whose half an image does not hold
 */
export function gaussianBlur(image: Tensor, kernelSize: Both, options: GaussianBlurOptions = {}): Tensor {
  checkPositions('gaussianBlur', arguments, 3);
  checkImage(image, 'gaussianBlur');
  checkOptions('gaussianBlur', options, ['sigma']);
  const [across, down] = oddPair(kernelSize, 'gaussianBlur kernelSize');
  const sigmas = pairOf(options.sigma ?? [across * 0.15 + 0.35, down * 0.15 + 0.35]);
  const [sigmaX, sigmaY] = sigmas;
  if (sigmas.length !== 2) {
    throw new RangeError(`Expected 1 or 2 numbers for gaussianBlur sigma, got ${repr(options.sigma)}`);
  }
  for (const sigma of sigmas) {
    if (!(sigma > 0)) throw new RangeError(`Expected positive numbers for gaussianBlur sigma, got ${sigma}`);
  }
  imageSize(image, 'gaussianBlur');
  if (image.numel() === 0) return image;
  return scope(() => {
    const values = floating(image);
    const rows = gaussian(across, sigmaX, values);
    const kernel = gaussian(down, sigmaY, values).unsqueeze(-1).mul(rows);
    const sides = [across >> 1, down >> 1, across >> 1, down >> 1] as const;
    const blurred = asBatch(pad(values, sides, { paddingMode: 'reflect' }), (batch) => filter(batch, kernel));
    return image.isFloatingPoint() ? blurred : blurred.round_().to(image.dtype);
  });
}

function pairOf(value: Both): readonly [number, number] {
  return (typeof value === 'number' ? [value, value] : listOf(value)) as readonly [number, number];
}

/** Two odd positive integers. */
export function oddPair(size: Both, name: string): readonly [number, number] {
  const pair = pairOf(size);
  if (pair.length === 2 && pair.every((side) => Number.isInteger(side) && side > 0 && side % 2 === 1))
    return pair;
  throw new RangeError(`Expected odd positive integers for ${name}, got ${repr(size)}`);
}

/** Weights of one direction, which add up to 1. */
function gaussian(size: number, sigma: number, { dtype, device }: Tensor): Tensor {
  const limit = (size - 1) / (2 * Math.SQRT2);
  return linspace(-limit, limit, size, { dtype, device }).div(sigma).pow(2).neg().softmax(0);
}

/** Each channel of (N, C, H, W) under one kernel (h, w). */
function filter(batch: Tensor, kernel: Tensor): Tensor {
  const channels = batch.shape[1] as number;
  const weight = kernel.expand([channels, 1, ...kernel.shape]);
  return ops.aten.conv2d(batch, weight, { groups: channels });
}

/**
 * Mixes (..., 1 or 3, H, W) with a smooth copy of itself: 0 is smooth, 1 the image, 2 twice as sharp. Images of 2
 * pixels and fewer in a direction stay. As torchvision's (0.28).
 */
export function adjustSharpness(image: Tensor, sharpnessFactor: number): Tensor {
  checkPositions('adjustSharpness', arguments, 2);
  checkImage(image, 'adjustSharpness');
  atLeast(0, sharpnessFactor, 'adjustSharpness sharpnessFactor');
  checkChannels(image, 'adjustSharpness');
  const [height, width] = imageSize(image, 'adjustSharpness');
  if (image.numel() === 0 || height <= 2 || width <= 2) return image;
  return scope(() => asBatch(image, (batch) => sharpened(batch, sharpnessFactor)));
}

function sharpened(batch: Tensor, factor: number): Tensor {
  const floats = batch.isFloatingPoint();
  const values = batch.to(floats ? batch.dtype : 'float32', { copy: true });
  const { dtype, device } = values;
  const kernel = full([3, 3], 1 / 13, { dtype, device });
  kernel
    .narrow(0, 1, 1)
    .narrow(1, 1, 1)
    .fill_(5 / 13);
  const smooth = floats ? filter(values, kernel) : filter(values, kernel).round_();
  const [height, width] = [values.shape[2] as number, values.shape[3] as number];
  const middle = values.narrow(2, 1, height - 2).narrow(3, 1, width - 2); // edges stay as they are
  middle.add_(smooth.sub(middle), { alpha: 1 - factor });
  return values.clamp_(0, maxValue(batch.dtype)).to(batch.dtype);
}

/** Options of {@link gaussianNoise}. */
export interface GaussianNoiseOptions {
  /** In units of white. Default 0. */
  mean?: number;
  /** In units of white. Default 0.1. */
  sigma?: number;
  /** Cut at black and white. Default true. */
  clip?: boolean;
}

/**
 * Adds noise to a uint8 or floating point image. As torchvision's (0.28), with its draws.
 *
 * @throws TypeError for other dtypes
 */
export function gaussianNoise(image: Tensor, options: GaussianNoiseOptions = {}): Tensor {
  checkPositions('gaussianNoise', arguments, 2);
  checkImage(image, 'gaussianNoise');
  checkOptions('gaussianNoise', options, ['mean', 'sigma', 'clip']);
  const { mean = 0, sigma = 0.1, clip = true } = options;
  checkFlag('gaussianNoise clip', clip);
  atLeast(0, sigma, 'gaussianNoise sigma');
  const { dtype } = image;
  return scope(() => {
    if (image.isFloatingPoint()) {
      const noisy = image.add(normal(image, dtype).mul(sigma).add(mean));
      return clip ? noisy.clamp(0, 1) : noisy;
    }
    if (dtype !== 'uint8') {
      throw new TypeError(
        `Expected a uint8 or floating point image for gaussianNoise, got ${describeValue(dtype)}`,
      );
    }
    const noise = normal(image, 'float32')
      .mul(sigma * 255)
      .add(mean * 255);
    const noisy = image.to('int16').add(noise.to('int16'));
    return (clip ? noisy.clamp(0, 255) : noisy).to('uint8');
  });
}

/** Normal noise in the shape and on the device of an image; samples of a loader draw on the CPU. */
function normal({ shape, device }: Tensor, dtype: DType): Tensor {
  const generator = sampleGenerator();
  if (generator === null) return randn(shape, { dtype, device });
  return randn(shape, { dtype, generator }).to(device);
}

/**
 * Puts `v`, a tensor that fits or a number, over the window of (..., C, H, W) that starts at row `i`, column `j`. As
 * torchvision's `erase` (0.28); the image itself stays.
 */
export function erase(image: Tensor, i: number, j: number, h: number, w: number, v: Tensor | number): Tensor {
  checkPositions('erase', arguments, 6);
  checkImage(image, 'erase');
  imageSize(image, 'erase');
  if (typeof v !== 'number' && !isTensor(v))
    throw new TypeError(`Expected a Tensor or a number for erase v, got ${describeValue(v)}`);
  return scope(() => {
    const erased = image.clone();
    const window = erased.narrow(-2, i, h).narrow(-1, j, w);
    window.copy_(typeof v === 'number' ? tensor(v) : v);
    return erased;
  });
}
