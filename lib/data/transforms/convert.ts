import { checkOptions, checkPositions } from '../../options.ts';
import { type DType, scope, type Tensor, tensor } from '../../tensor/index.ts';
import { imageSize, pyBool, pyFloat, Transform } from './transform.ts';

const INTEGER_MAX: Partial<Record<DType, number>> = {
  uint8: 255,
  int8: 127,
  int16: 32767,
  int32: 2147483647,
};

/**
 * Turns a `uint8` image into contiguous `float32` in [0, 1] by dividing by 255; other dtypes keep theirs.
 * (torchvision's starts from a PIL image or an array; here decoding has made the tensor.)
 */
export class ToTensor extends Transform {
  forward(image: Tensor): Tensor {
    if (image.dtype !== 'uint8') return image.contiguous();
    return scope(() => image.to({ dtype: 'float32', memoryFormat: 'contiguous_format' }).div_(255));
  }
}

/**
 * Changes the dtype; with `scale` integers are mapped to [0, 1] and back as torchvision 0.28 does. Scaling
 * between two integer dtypes, or from int64 or uint16 and wider, is not offered.
 *
 * @throws RangeError for a pair of dtypes that cannot be scaled
 */
export class ToDtype extends Transform {
  readonly dtype: DType;
  readonly scale: boolean;
  constructor(dtype: DType, options: { scale?: boolean } = {}) {
    checkPositions('ToDtype', arguments, 2);
    super();
    checkOptions('ToDtype', options, ['scale']);
    this.dtype = dtype;
    this.scale = options.scale ?? false;
  }

  forward(image: Tensor): Tensor {
    if (image.dtype === this.dtype) return image;
    const [from, to] = [INTEGER_MAX[image.dtype], INTEGER_MAX[this.dtype]];
    const floats = image.isFloatingPoint();
    if (!this.scale || (floats && this.dtype.includes('float'))) return image.to(this.dtype);
    if (floats && to !== undefined && to <= 32767) {
      // Just below max + 1, so that 1.0 and its neighbours below reach the maximum (torchvision's rule).
      return scope(() => image.mul(to + 1 - 1e-3).to(this.dtype));
    }
    if (from !== undefined && this.dtype.includes('float')) {
      return scope(() => image.to(this.dtype).mul_(1 / from));
    }
    throw new RangeError(
      `Expected dtypes that can be scaled for ToDtype, got ${image.dtype} to ${this.dtype}; scale by hand`,
    );
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
export class Normalize extends Transform {
  readonly mean: readonly number[];
  readonly std: readonly number[];
  constructor(mean: readonly number[], std: readonly number[]) {
    checkPositions('Normalize', arguments, 2);
    super();
    if (mean.length === 0 || mean.length !== std.length) {
      throw new RangeError(
        `Expected as many std as mean for Normalize, got ${std.length} and ${mean.length}`,
      );
    }
    if (!std.every((value) => value > 0)) {
      throw new RangeError(`Expected positive numbers for Normalize std, got [${std.join(', ')}]`);
    }
    this.mean = [...mean];
    this.std = [...std];
  }

  forward(image: Tensor): Tensor {
    imageSize(image, 'Normalize');
    if (!image.isFloatingPoint()) {
      throw new TypeError(
        `Expected a floating point image for Normalize, got ${image.dtype}; put ToTensor before it`,
      );
    }
    const { dtype, device } = image;
    return scope(() => {
      const [mean, std] = [this.mean, this.std].map((values) =>
        tensor([...values], { dtype, device }).view([-1, 1, 1]),
      );
      return image.sub(mean as Tensor).div_(std as Tensor);
    });
  }

  override extraRepr(): string {
    const list = (values: readonly number[]) => `[${values.map(pyFloat).join(', ')}]`;
    return `mean=${list(this.mean)}, std=${list(this.std)}, inplace=False`;
  }
}

/**
 * Turns a `uint8` RGB image (..., 3, H, W) into gray with one channel, or three equal ones, by the formula of
 * Pillow's `convert('L')`. An image of one channel keeps its values.
 */
export class Grayscale extends Transform {
  readonly numOutputChannels: 1 | 3;
  constructor(numOutputChannels: 1 | 3 = 1) {
    checkPositions('Grayscale', arguments, 1);
    super();
    this.numOutputChannels = numOutputChannels;
  }

  forward(image: Tensor): Tensor {
    imageSize(image, 'Grayscale');
    return scope(() => {
      const gray = image.shape.at(-3) === 1 ? image : luma(image);
      if (this.numOutputChannels === 1) return gray;
      const shape = [...gray.shape];
      shape[shape.length - 3] = 3;
      return gray.expand(shape);
    });
  }

  override extraRepr(): string {
    return `num_output_channels=${this.numOutputChannels}`;
  }
}

function luma(image: Tensor): Tensor {
  if (image.dtype !== 'uint8' || image.shape.at(-3) !== 3) {
    const got = `${image.dtype} [${image.shape.join(', ')}]`;
    throw new TypeError(
      `Expected a uint8 image (..., 3, H, W) for Grayscale, got ${got}; put it before ToTensor`,
    );
  }
  // Pillow's Convert.c, in 16-bit fixed point.
  const weights = tensor([19595, 38470, 7471], { dtype: 'int32', device: image.device }).view([3, 1, 1]);
  const sum = image.to('int32').mul(weights).sum([-3], true, { dtype: 'int32' });
  return sum.add(0x8000).bitwiseRightShift(16).to('uint8');
}
