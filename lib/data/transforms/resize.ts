import { checkOptions, checkPositions } from '../../options.ts';
import type { Tensor } from '../../tensor/index.ts';
import { imageSize } from './functional/image.ts';
import {
  asSize,
  checkResize,
  type Interpolation,
  type ResizeOptions,
  resize,
  resizedSize,
} from './functional/resize.ts';
import { ImageTransform, pyBool, repr, type Size } from './transform.ts';

/**
 * Resizes an image (..., C, H, W). A number is the shorter side's new length, and the longer side keeps the
 * aspect ratio, truncated to an integer as torchvision 0.28 computes it; a pair is [height, width]. On `uint8`
 * the antialiased bilinear result agrees with Pillow's to 1 of 255. A mask takes its nearest labels.
 *
 * @example
 * new transforms.Resize(256).forward(image); // (3, 427, 640) -> (3, 256, 383)
 */
export class Resize extends ImageTransform {
  readonly size: Size;
  readonly interpolation: Interpolation;
  readonly maxSize: number | undefined;
  readonly antialias: boolean;

  constructor(wanted: Size | readonly [number], options: ResizeOptions = {}) {
    checkPositions('Resize', arguments, 2);
    super();
    const size = asSize(wanted);
    checkOptions('Resize', options, ['interpolation', 'maxSize', 'antialias']);
    this.size = size;
    this.interpolation = options.interpolation ?? 'bilinear';
    this.maxSize = options.maxSize;
    this.antialias = options.antialias ?? true;
    checkResize(size, this, 'Resize');
  }

  transform(image: Tensor): Tensor {
    const target = this.outputSize(imageSize(image, 'Resize'));
    return resize(image, target, { interpolation: this.interpolation, antialias: this.antialias });
  }

  override transformMask(mask: Tensor): Tensor {
    const target = this.outputSize(imageSize(mask, 'Resize'));
    return resize(mask, target, { interpolation: nearestFor(this.interpolation) });
  }

  /** The [height, width] that an image of this size gets. */
  outputSize(size: readonly [number, number]): [height: number, width: number] {
    return resizedSize(size, this.size, this.maxSize);
  }

  override extraRepr(): string {
    const size = typeof this.size === 'number' ? [this.size] : this.size;
    const mode = modeName(this.interpolation);
    const limit = this.maxSize === undefined ? '' : `, max_size=${this.maxSize}`;
    return `size=${repr(size)}, interpolation=${mode}${limit}, antialias=${pyBool(this.antialias)}`;
  }
}

/** How a mask is resized beside an image: labels are never mixed. */
export function nearestFor(interpolation: Interpolation): Interpolation {
  return interpolation === 'nearest-exact' ? 'nearest-exact' : 'nearest';
}

/** A way of interpolating as torchvision prints it. */
export function modeName(interpolation: Interpolation): string {
  return `InterpolationMode.${interpolation.toUpperCase().replace('-', '_')}`;
}
