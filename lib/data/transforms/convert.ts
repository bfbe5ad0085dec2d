import { checkFlag, checkOptions, checkPositions, describeValue } from '../../options.ts';
import { type DType, scope, type Tensor } from '../../tensor/index.ts';
import { checkStatistics, normalize, toDtype } from './functional/dtype.ts';
import { imageSize } from './functional/image.ts';
import { ImageTransform, pyBool, pyFloat } from './transform.ts';

/**
 * Turns a `uint8` image into contiguous `float32` in [0, 1] by dividing by 255; other dtypes keep theirs.
 * (torchvision's starts from a PIL image or an array; here decoding has made the tensor.)
 */
export class ToTensor extends ImageTransform {
  transform(image: Tensor): Tensor {
    if (image.dtype !== 'uint8') return image.contiguous();
    return scope(() => image.to({ dtype: 'float32', memoryFormat: 'contiguous_format' }).div_(255));
  }
}

/** A dtype for images, or one for images and one for masks. */
export type DTypeOf = DType | { readonly image?: DType; readonly mask?: DType };

/**
 * Changes the dtype of images, and of masks where one is named for them; with `scale` integer images are mapped to
 * [0, 1] and back as torchvision 0.28 does.
 *
 * @throws RangeError for a pair of dtypes that cannot be scaled
 * @example
 * new transforms.ToDtype({ image: 'float32', mask: 'int64' }, { scale: true });
 */
export class ToDtype extends ImageTransform {
  readonly dtype: DTypeOf;
  readonly scale: boolean;

  constructor(dtype: DTypeOf, options: { scale?: boolean } = {}) {
    checkPositions('ToDtype', arguments, 2);
    super();
    checkOptions('ToDtype', options, ['scale']);
    if (typeof dtype === 'object' && dtype !== null) checkOptions('ToDtype dtype', dtype, ['image', 'mask']);
    else if (typeof dtype !== 'string') {
      throw new TypeError(`Expected a dtype or { image, mask } for ToDtype, got ${describeValue(dtype)}`);
    }
    this.dtype = dtype;
    const { scale = false } = options;
    checkFlag('ToDtype scale', scale);
    this.scale = scale;
  }

  transform(image: Tensor): Tensor {
    const dtype = typeof this.dtype === 'string' ? this.dtype : this.dtype.image;
    return dtype === undefined ? image : toDtype(image, dtype, { scale: this.scale });
  }

  override transformMask(mask: Tensor): Tensor {
    const dtype = typeof this.dtype === 'string' ? undefined : this.dtype.mask;
    return dtype === undefined ? mask : mask.to(dtype);
  }

  override extraRepr(): string {
    return `scale=${pyBool(this.scale)}`;
  }
}

/**
 * Subtracts `mean` and divides by `std`, per channel of (..., C, H, W).
 *
 * @throws TypeError for an image that is not floating point, RangeError for a zero in `std`
 */
export class Normalize extends ImageTransform {
  readonly mean: readonly number[];
  readonly std: readonly number[];
  constructor(mean: readonly number[], std: readonly number[]) {
    checkPositions('Normalize', arguments, 2);
    super();
    checkStatistics(mean, std, 'Normalize');
    this.mean = [...mean];
    this.std = [...std];
  }

  transform(image: Tensor): Tensor {
    imageSize(image, 'Normalize');
    if (!image.isFloatingPoint()) {
      throw new TypeError(
        `Expected a floating point image for Normalize, got ${image.dtype}; put ToTensor before it`,
      );
    }
    return normalize(image, this.mean, this.std);
  }

  override extraRepr(): string {
    const list = (values: readonly number[]) => `[${values.map(pyFloat).join(', ')}]`;
    return `mean=${list(this.mean)}, std=${list(this.std)}, inplace=False`;
  }
}
