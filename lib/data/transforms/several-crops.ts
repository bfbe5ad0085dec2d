import { checkFlag, checkOptions, checkPositions } from '../../options.ts';
import type { Tensor } from '../../tensor/index.ts';
import { type FiveCrops, fiveCrop, tenCrop } from './functional/geometry.ts';
import { type Size, Step, sizePair } from './transform.ts';

/**
 * The four corners and the middle of an image, as five tensors. A {@link Lambda} behind it puts them together. As
 * torchvision's (0.28).
 *
 * @example
 * const [topLeft] = new transforms.FiveCrop(224).forward(image);
 */
export class FiveCrop extends Step {
  readonly size: [height: number, width: number];

  constructor(size: Size) {
    checkPositions('FiveCrop', arguments, 1);
    super();
    this.size = sizePair(size, 'FiveCrop size');
  }

  override forward(image: Tensor): FiveCrops {
    checkPositions('FiveCrop forward', arguments, 1);
    return fiveCrop(image, this.size);
  }
}

/** Options of {@link TenCrop}. */
export interface TenCropTransformOptions {
  /** Mirror upside down in place of left to right. Default false. */
  verticalFlip?: boolean;
}

/** {@link FiveCrop} of an image, and of its mirror image behind it. As torchvision's (0.28). */
export class TenCrop extends Step {
  readonly size: [height: number, width: number];
  readonly verticalFlip: boolean;

  constructor(size: Size, options: TenCropTransformOptions = {}) {
    checkPositions('TenCrop', arguments, 2);
    super();
    checkOptions('TenCrop', options, ['verticalFlip']);
    this.size = sizePair(size, 'TenCrop size');
    const { verticalFlip = false } = options;
    checkFlag('TenCrop verticalFlip', verticalFlip);
    this.verticalFlip = verticalFlip;
  }

  override forward(image: Tensor): [...FiveCrops, ...FiveCrops] {
    checkPositions('TenCrop forward', arguments, 1);
    return tenCrop(image, this.size, { verticalFlip: this.verticalFlip });
  }
}
