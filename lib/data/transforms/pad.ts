import { checkOptions, checkPositions } from '../../options.ts';
import type { Tensor } from '../../tensor/index.ts';
import { checkPaddingMode, fourSides, type Padding, type PaddingMode, pad } from './functional/pad.ts';
import { checkFill, type FillOf, imageFill, maskFill } from './sample.ts';
import { ImageTransform } from './transform.ts';

/** Options of {@link Pad}. */
export interface PadTransformOptions {
  /** For `'constant'`. Default 0. */
  fill?: FillOf;
  /** Default `'constant'`. */
  paddingMode?: PaddingMode;
}

/**
 * Adds pixels around (..., C, H, W). As torchvision's (0.28).
 *
 * @example
 * new transforms.Pad([4, 2], { paddingMode: 'reflect' }).forward(image); // 4 left and right, 2 above and below
 */
export class Pad extends ImageTransform {
  readonly padding: Padding;
  readonly fill: FillOf;
  readonly paddingMode: PaddingMode;

  constructor(padding: Padding, options: PadTransformOptions = {}) {
    checkPositions('Pad', arguments, 2);
    super();
    checkOptions('Pad', options, ['fill', 'paddingMode']);
    fourSides(padding, 'Pad padding');
    this.padding = padding;
    this.fill = options.fill ?? 0;
    this.paddingMode = checkPaddingMode(options.paddingMode ?? 'constant', 'Pad');
    checkFill(this.fill, 'Pad');
  }

  transform(image: Tensor): Tensor {
    return pad(image, this.padding, { fill: imageFill(this.fill), paddingMode: this.paddingMode });
  }

  override transformMask(mask: Tensor): Tensor {
    return pad(mask, this.padding, { fill: maskFill(this.fill, 'Pad'), paddingMode: this.paddingMode });
  }
}
