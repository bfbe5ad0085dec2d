import { checkOptions, checkPositions } from '../../options.ts';
import type { Tensor } from '../../tensor/index.ts';
import { randomInteger, randomRatio, uniform } from './draw.ts';
import { resizedCrop } from './functional/geometry.ts';
import { listOf, repr } from './functional/image.ts';
import { checkResize, type Interpolation } from './functional/resize.ts';
import { modeName, nearestFor } from './resize.ts';
import {
  ImageTransform,
  imageSize,
  pyBool,
  pyFloat,
  roundHalfEven,
  type Size,
  sizePair,
} from './transform.ts';

/** Options of {@link RandomResizedCrop}. */
export interface RandomResizedCropOptions {
  /** Bounds of the crop's share of the area. Default [0.08, 1]. */
  scale?: readonly [number, number];
  /** Bounds of width / height. Default [3/4, 4/3]. */
  ratio?: readonly [number, number];
  /** Default `'bilinear'`. */
  interpolation?: Interpolation;
  /** Default true. */
  antialias?: boolean;
}

type Box = [top: number, left: number, height: number, width: number];

/**
 * Takes a random part of (..., C, H, W), of random area and shape, and resizes it. Draws from the generator that
 * `manualSeed` seeds, in torchvision's order, so the same seed gives torchvision's crops; under a `DataLoader` from the
 * sample's own. A mask takes its nearest labels.
 *
 * @example
 * new transforms.RandomResizedCrop(224).forward(image); // (3, 427, 640) -> (3, 224, 224)
 */
export class RandomResizedCrop extends ImageTransform<Box> {
  readonly size: [height: number, width: number];
  readonly scale: readonly [number, number];
  readonly ratio: readonly [number, number];
  readonly interpolation: Interpolation;
  readonly antialias: boolean;

  constructor(size: Size, options: RandomResizedCropOptions = {}) {
    checkPositions('RandomResizedCrop', arguments, 2);
    super();
    checkOptions('RandomResizedCrop', options, ['scale', 'ratio', 'interpolation', 'antialias']);
    this.size = sizePair(size, 'RandomResizedCrop size');
    this.scale = options.scale ?? [0.08, 1];
    this.ratio = options.ratio ?? [3 / 4, 4 / 3];
    this.interpolation = options.interpolation ?? 'bilinear';
    this.antialias = options.antialias ?? true;
    checkResize(size, { ...this, maxSize: undefined }, 'RandomResizedCrop');
    checkBounds(this.scale, 'RandomResizedCrop scale');
    checkBounds(this.ratio, 'RandomResizedCrop ratio');
  }

  override makeParams(image: Tensor): Box {
    return this.box(imageSize(image, 'RandomResizedCrop'));
  }

  transform(image: Tensor, box: Box): Tensor {
    const { interpolation, antialias } = this;
    return resizedCrop(image, ...box, this.size, { interpolation, antialias });
  }

  override transformMask(mask: Tensor, box: Box): Tensor {
    return resizedCrop(mask, ...box, this.size, { interpolation: nearestFor(this.interpolation) });
  }

  /** Draws a crop for an image of this size: [top, left, height, width]. */
  box([height, width]: readonly [number, number]): Box {
    for (let attempt = 0; attempt < 10; attempt++) {
      const area = height * width * uniform(...this.scale);
      const aspect = randomRatio(this.ratio);
      const cropWidth = roundHalfEven(Math.sqrt(area * aspect));
      const cropHeight = roundHalfEven(Math.sqrt(area / aspect));
      if (cropWidth > 0 && cropWidth <= width && cropHeight > 0 && cropHeight <= height) {
        const top = randomInteger(0, height - cropHeight + 1);
        return [top, randomInteger(0, width - cropWidth + 1), cropHeight, cropWidth];
      }
    }
    return this.centralBox(height, width);
  }

  private centralBox(height: number, width: number): Box {
    const ratio = width / height;
    const [low, high] = [Math.min(...this.ratio), Math.max(...this.ratio)];
    const cropHeight = ratio < low ? roundHalfEven(width / low) : height;
    const cropWidth = ratio > high ? roundHalfEven(height * high) : width;
    return [(height - cropHeight) >> 1, (width - cropWidth) >> 1, cropHeight, cropWidth];
  }

  override extraRepr(): string {
    const pair = (bounds: readonly [number, number]) => `(${bounds.map(pyFloat).join(', ')})`;
    const bounds = `scale=${pair(this.scale)}, ratio=${pair(this.ratio)}`;
    const rest = `interpolation=${modeName(this.interpolation)}, antialias=${pyBool(this.antialias)}`;
    return `size=(${this.size.join(', ')}), ${bounds}, ${rest}`;
  }
}

/** Refuses bounds that are not positive and in order. */
export function checkBounds(bounds: unknown, name: string): void {
  const [low = Number.NaN, high = Number.NaN, ...more] = listOf(bounds);
  if (low > 0 && low <= high && more.length === 0) return;
  throw new RangeError(`Expected 0 < low <= high for ${name}, got ${repr(bounds)}`);
}
