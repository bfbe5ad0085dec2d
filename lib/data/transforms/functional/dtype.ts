import { checkFlag, checkOptions, checkPositions, describeValue } from '../../../options.ts';
import { type DType, scope, type Tensor, tensor } from '../../../tensor/index.ts';
import { checkImage, imageSize, maxValue, repr, valueBits } from './image.ts';

/** Options of {@link toDtype}. */
export interface ToDtypeOptions {
  /** Map black and white of one dtype to black and white of the other. Default false. */
  scale?: boolean;
}

/**
 * Changes the dtype; with `scale` integers become [0, 1] and back, and integers of other widths are shifted. As
 * torchvision's (0.28).
 *
 * @throws RangeError for float32 to int32 or int64, and float64 to int64, whose white a float does not hold
 */
export function toDtype(image: Tensor, dtype: DType, options: ToDtypeOptions = {}): Tensor {
  checkPositions('toDtype', arguments, 3);
  checkImage(image, 'toDtype');
  checkOptions('toDtype', options, ['scale']);
  const { scale = false } = options;
  checkFlag('toDtype scale', scale);
  if (typeof dtype !== 'string')
    throw new TypeError(`Expected a dtype for toDtype, got ${describeValue(dtype)}`);
  if (image.dtype === dtype) return image;
  const [floats, toFloats] = [image.isFloatingPoint(), isFloat(dtype)];
  if (!scale || (floats && toFloats)) return image.to(dtype);
  if (floats) return fromFloats(image, dtype);
  if (toFloats) return scope(() => image.to(dtype).mul_(1 / maxValue(image.dtype)));
  return scope(() => shifted(image, dtype));
}

const isFloat = (dtype: DType) => dtype.includes('float');

function fromFloats(image: Tensor, dtype: DType): Tensor {
  const tooWide =
    dtype === 'int64' ? image.dtype !== 'float16' && image.dtype !== 'bfloat16' : dtype === 'int32';
  if (tooWide && !(dtype === 'int32' && image.dtype === 'float64')) {
    throw new RangeError(
      `Expected dtypes that can be scaled for toDtype, got ${image.dtype} to ${dtype}; scale by hand`,
    );
  }
  valueBits(dtype, 'toDtype with scale');
  // Just below max + 1, so that 1.0 and its neighbours below reach the maximum (torchvision's rule).
  return scope(() => image.mul(maxValue(dtype) + 1 - 1e-3).to(dtype));
}

function shifted(image: Tensor, dtype: DType): Tensor {
  const [from, to] = [valueBits(image.dtype, 'toDtype with scale'), valueBits(dtype, 'toDtype with scale')];
  const by = Math.abs(from - to);
  if (from > to) {
    return image.dtype === 'uint16'
      ? image
          .to('float32')
          .div(2 ** by)
          .to(dtype)
      : image.bitwiseRightShift(by).to(dtype);
  }
  return dtype === 'uint16'
    ? image
        .to('int32')
        .mul(2 ** by)
        .to(dtype)
    : image.to(dtype).bitwiseLeftShift(by);
}

/**
 * Subtracts `mean` and divides by `std`, per channel of (..., C, H, W). As torchvision's (0.28).
 *
 * @throws TypeError for an image that is not floating point, RangeError for a zero in `std`
 */
export function normalize(image: Tensor, mean: readonly number[], std: readonly number[]): Tensor {
  checkPositions('normalize', arguments, 3);
  checkImage(image, 'normalize');
  checkStatistics(mean, std, 'normalize');
  imageSize(image, 'normalize');
  if (!image.isFloatingPoint()) {
    throw new TypeError(
      `Expected a floating point image for normalize, got ${image.dtype}; put ToTensor before it`,
    );
  }
  const { dtype, device } = image;
  return scope(() => {
    const [subtract, divide] = [mean, std].map((values) =>
      tensor([...values], { dtype, device }).view([-1, 1, 1]),
    );
    return image.sub(subtract as Tensor).div_(divide as Tensor);
  });
}

/** Refuses means and deviations that cannot belong together. */
export function checkStatistics(mean: readonly number[], std: readonly number[], name: string): void {
  for (const [what, values] of Object.entries({ mean, std })) {
    if (Array.isArray(values) && values.every((value) => Number.isFinite(value))) continue;
    throw new TypeError(`Expected an array of numbers for ${name} ${what}, got ${repr(values)}`);
  }
  if (mean.length === 0 || mean.length !== std.length) {
    throw new RangeError(`Expected as many std as mean for ${name}, got ${std.length} and ${mean.length}`);
  }
  if (std.every((value) => value > 0)) return;
  throw new RangeError(`Expected positive numbers for ${name} std, got ${repr([...std])}`);
}
