import { checkOptions, checkPositions } from '../../options.ts';
import type { Tensor } from '../../tensor/index.ts';
import { positives } from './bounds.ts';
import { RandomApplied, randomFraction, randomInteger } from './draw.ts';
import { listOf, repr } from './functional/image.ts';
import { type Padding, pad } from './functional/pad.ts';
import { checkResize, type Interpolation, resize } from './functional/resize.ts';
import { nearestFor } from './resize.ts';
import { checkFill, type FillOf, imageFill, maskFill } from './sample.ts';
import { ImageTransform, imageSize, type Size, sizePair } from './transform.ts';

/** Options of what resizes to a random size. */
export interface RandomSizeOptions {
  /** Default `'bilinear'`; masks take the nearest. */
  interpolation?: Interpolation;
  /** Default true. */
  antialias?: boolean;
}

/** Resizes to a size that is drawn. */
abstract class RandomSize extends ImageTransform<Size> {
  readonly interpolation: Interpolation;
  readonly antialias: boolean;

  constructor({ interpolation = 'bilinear', antialias = true }: RandomSizeOptions) {
    super();
    checkResize(1, { interpolation, antialias, maxSize: undefined }, new.target.name);
    this.interpolation = interpolation;
    this.antialias = antialias;
  }

  abstract override makeParams(image: Tensor): Size;

  transform(image: Tensor, size: Size): Tensor {
    return resize(image, size, { interpolation: this.interpolation, antialias: this.antialias });
  }

  override transformMask(mask: Tensor, size: Size): Tensor {
    return resize(mask, size, { interpolation: nearestFor(this.interpolation) });
  }
}

/** A float32 from a range, computed as torchvision does: low + torch.rand(1) * (high - low). */
function between([low, high]: readonly [number, number]): number {
  const { fround } = Math;
  return fround(fround(low) + fround(randomFraction() * fround(high - low)));
}

/** `count` x `factor` in float32, cut to an integer. */
const scaled = (count: number, factor: number) => Math.trunc(Math.fround(count * factor));

/** Shorter side of random length from `minSize` to `maxSize` - 1. As torchvision's (0.28), with its draws. */
export class RandomResize extends RandomSize {
  readonly minSize: number;
  readonly maxSize: number;

  constructor(minSize: number, maxSize: number, options: RandomSizeOptions = {}) {
    checkPositions('RandomResize', arguments, 3);
    checkOptions('RandomResize', options, ['interpolation', 'antialias']);
    super(options);
    [this.minSize, this.maxSize] = sizePair([minSize, maxSize], 'RandomResize minSize and maxSize');
    if (minSize >= maxSize) {
      throw new RangeError(`Expected more than minSize ${minSize} for RandomResize maxSize, got ${maxSize}`);
    }
  }

  makeParams(): Size {
    return randomInteger(this.minSize, this.maxSize);
  }
}

/** Options of {@link RandomShortestSize}. */
export interface RandomShortestSizeOptions extends RandomSizeOptions {
  /** The longer side's limit. Default none. */
  maxSize?: number;
}

/** Shorter side of one of the lengths `minSize`. As torchvision's (0.28), with its draws. */
export class RandomShortestSize extends RandomSize {
  readonly minSize: readonly number[];
  readonly maxSize: number | undefined;

  constructor(minSize: number | readonly number[], options: RandomShortestSizeOptions = {}) {
    checkPositions('RandomShortestSize', arguments, 2);
    checkOptions('RandomShortestSize', options, ['maxSize', 'interpolation', 'antialias']);
    super(options);
    this.minSize = typeof minSize === 'number' ? [minSize] : listOf(minSize);
    this.maxSize = options.maxSize;
    if (this.minSize.length > 0 && this.minSize.every((size) => Number.isInteger(size) && size > 0)) return;
    throw new RangeError(`Expected positive integers for RandomShortestSize minSize, got ${repr(minSize)}`);
  }

  makeParams(image: Tensor): Size {
    const [height, width] = imageSize(image, 'RandomShortestSize');
    const short = this.minSize[randomInteger(0, this.minSize.length)] as number;
    const limit = (this.maxSize ?? Infinity) / Math.max(height, width);
    const factor = Math.min(short / Math.min(height, width), limit);
    return [Math.trunc(height * factor), Math.trunc(width * factor)];
  }
}

/** Options of {@link ScaleJitter}. */
export interface ScaleJitterOptions extends RandomSizeOptions {
  /** Bounds of the scale. Default [0.1, 2]. */
  scaleRange?: readonly [number, number];
}

/** Random scale of what fits into `targetSize`. As torchvision's (0.28), with its draws. */
export class ScaleJitter extends RandomSize {
  readonly targetSize: readonly [number, number];
  readonly scaleRange: readonly [number, number];

  constructor(targetSize: readonly [number, number], options: ScaleJitterOptions = {}) {
    checkPositions('ScaleJitter', arguments, 2);
    checkOptions('ScaleJitter', options, ['scaleRange', 'interpolation', 'antialias']);
    super(options);
    this.targetSize = sizePair(targetSize, 'ScaleJitter targetSize');
    this.scaleRange = positives(options.scaleRange ?? [0.1, 2], 'ScaleJitter scaleRange');
  }

  makeParams(image: Tensor): Size {
    const [height, width] = imageSize(image, 'ScaleJitter');
    const fit = Math.min(this.targetSize[1] / height, this.targetSize[0] / width);
    const factor = Math.fround(Math.fround(fit) * between(this.scaleRange));
    return [scaled(height, factor), scaled(width, factor)];
  }
}

/** Options of {@link RandomZoomOut}. */
export interface RandomZoomOutOptions {
  /** The value of what is added. Default 0. */
  fill?: FillOf;
  /** Bounds of the new side by the old one, from 1. Default [1, 4]. */
  sideRange?: readonly [number, number];
  /** Probability. Default 0.5. */
  p?: number;
}

/** Puts (..., C, H, W) at a random place of a larger canvas. As torchvision's (0.28), with its draws. */
export class RandomZoomOut extends RandomApplied<Padding> {
  readonly fill: FillOf;
  readonly sideRange: readonly [number, number];

  constructor(options: RandomZoomOutOptions = {}) {
    checkPositions('RandomZoomOut', arguments, 1);
    checkOptions('RandomZoomOut', options, ['fill', 'sideRange', 'p']);
    super(options.p ?? 0.5);
    this.fill = options.fill ?? 0;
    this.sideRange = positives(options.sideRange ?? [1, 4], 'RandomZoomOut sideRange');
    checkFill(this.fill, 'RandomZoomOut');
    if (this.sideRange[0] >= 1) return;
    throw new RangeError(
      `Expected bounds from 1 for RandomZoomOut sideRange, got ${repr([...this.sideRange])}`,
    );
  }

  protected override drawParams(image: Tensor): Padding {
    const [height, width] = imageSize(image, 'RandomZoomOut');
    const factor = between(this.sideRange);
    const [across, down] = [scaled(width, factor) - width, scaled(height, factor) - height];
    const left = scaled(across, randomFraction());
    const top = scaled(down, randomFraction());
    return [left, top, across - left, down - top];
  }

  protected change(image: Tensor, padding: Padding): Tensor {
    return pad(image, padding, { fill: imageFill(this.fill) });
  }

  protected override changeMask(mask: Tensor, padding: Padding): Tensor {
    return pad(mask, padding, { fill: maskFill(this.fill, 'RandomZoomOut') });
  }
}
