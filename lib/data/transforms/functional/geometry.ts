import { checkFlag, checkOptions, checkPositions, describeValue } from '../../../options.ts';
import { scope, type Tensor } from '../../../tensor/index.ts';
import { checkImage, imageSize, roundHalfEven, type Size, sizePair } from './image.ts';
import { pad } from './pad.ts';
import { type Interpolation, resize } from './resize.ts';

/** Mirrors (..., H, W) left to right. */
export function horizontalFlip(image: Tensor): Tensor {
  checkPositions('horizontalFlip', arguments, 1);
  checkImage(image, 'horizontalFlip');
  return image.flip([-1]);
}

/** Mirrors (..., H, W) upside down. */
export function verticalFlip(image: Tensor): Tensor {
  checkPositions('verticalFlip', arguments, 1);
  checkImage(image, 'verticalFlip');
  return image.flip([-2]);
}

/** {@link horizontalFlip} by torchvision's short name. */
export const hflip = horizontalFlip;
/** {@link verticalFlip} by torchvision's short name. */
export const vflip = verticalFlip;

/**
 * The window of (..., H, W) that starts at `top`, `left`: a view, or a copy with black around where the window goes beyond
 * the image. As torchvision's (0.28).
 */
export function crop(image: Tensor, top: number, left: number, height: number, width: number): Tensor {
  checkPositions('crop', arguments, 5);
  checkImage(image, 'crop');
  for (const [name, value] of Object.entries({ top, left, height, width })) {
    if (Number.isSafeInteger(value)) continue;
    throw new RangeError(`Expected a whole number for crop ${name}, got ${describeValue(value)}`);
  }
  const [rows, columns] = imageSize(image, 'crop');
  const [bottom, right] = [top + height, left + width];
  return scope(() => {
    if (top >= 0 && left >= 0 && bottom <= rows && right <= columns) {
      return image.narrow(-2, top, height).narrow(-1, left, width);
    }
    const [first, last] = [inside(top, rows), inside(bottom, rows)];
    const [start, end] = [inside(left, columns), inside(right, columns)];
    const part = image.narrow(-2, first, last - first).narrow(-1, start, end - start);
    const before = (low: number, high: number) => Math.max(Math.min(high, 0) - low, 0);
    const behind = (low: number, high: number, length: number) => Math.max(high - Math.max(length, low), 0);
    return pad(part, [
      before(left, right),
      before(top, bottom),
      behind(left, right, columns),
      behind(top, bottom, rows),
    ]);
  });
}

const inside = (place: number, length: number) => Math.min(Math.max(place, 0), length);

/**
 * The middle of an image (..., C, H, W) as a view; a smaller image is first padded with zeros. Where the middle falls
 * between two pixels, it rounds to the even one, as torchvision does.
 */
export function centerCrop(image: Tensor, outputSize: Size): Tensor {
  checkPositions('centerCrop', arguments, 2);
  checkImage(image, 'centerCrop');
  const [cropHeight, cropWidth] = sizePair(outputSize, 'centerCrop outputSize');
  return scope(() => {
    const padded = padTo(image, cropHeight, cropWidth);
    const [height, width] = imageSize(padded, 'centerCrop');
    const top = roundHalfEven((height - cropHeight) / 2);
    const left = roundHalfEven((width - cropWidth) / 2);
    return crop(padded, top, left, cropHeight, cropWidth);
  });
}

function padTo(image: Tensor, cropHeight: number, cropWidth: number): Tensor {
  const [height, width] = imageSize(image, 'centerCrop');
  const down = Math.max(0, cropHeight - height);
  const across = Math.max(0, cropWidth - width);
  if (down === 0 && across === 0) return image;
  return pad(image, [across >> 1, down >> 1, (across + 1) >> 1, (down + 1) >> 1]);
}

/** Options of {@link resizedCrop}. */
export interface ResizedCropOptions {
  /** Default `'bilinear'`. */
  interpolation?: Interpolation;
  /** Default true. */
  antialias?: boolean;
}

/** {@link crop}, then {@link resize} to `size`. */
export function resizedCrop(
  image: Tensor,
  top: number,
  left: number,
  height: number,
  width: number,
  size: Size,
  options: ResizedCropOptions = {},
): Tensor {
  checkPositions('resizedCrop', arguments, 7);
  checkImage(image, 'resizedCrop');
  checkOptions('resizedCrop', options, ['interpolation', 'antialias']);
  return scope(() =>
    resize(crop(image, top, left, height, width), sizePair(size, 'resizedCrop size'), options),
  );
}

/** The four corners and the middle of an image. */
export type FiveCrops = [
  topLeft: Tensor,
  topRight: Tensor,
  bottomLeft: Tensor,
  bottomRight: Tensor,
  center: Tensor,
];

/**
 * Windows of (..., C, H, W) at the four corners and in the middle, as views.
 *
 * @throws RangeError for windows larger than the image
 */
export function fiveCrop(image: Tensor, size: Size): FiveCrops {
  checkPositions('fiveCrop', arguments, 2);
  checkImage(image, 'fiveCrop');
  const [height, width] = sizePair(size, 'fiveCrop size');
  const [rows, columns] = imageSize(image, 'fiveCrop');
  if (height > rows || width > columns) {
    throw new RangeError(
      `Expected an image of at least (${height}, ${width}) for fiveCrop, got (${rows}, ${columns})`,
    );
  }
  const at = (top: number, left: number) => crop(image, top, left, height, width);
  const [bottom, right] = [rows - height, columns - width];
  return [at(0, 0), at(0, right), at(bottom, 0), at(bottom, right), centerCrop(image, [height, width])];
}

/** Options of {@link tenCrop}. */
export interface TenCropOptions {
  /** Mirror upside down in place of left to right. Default false. */
  verticalFlip?: boolean;
}

/** {@link fiveCrop} of an image, and of its mirror image behind it. */
export function tenCrop(
  image: Tensor,
  size: Size,
  options: TenCropOptions = {},
): [...FiveCrops, ...FiveCrops] {
  checkPositions('tenCrop', arguments, 3);
  checkImage(image, 'tenCrop');
  checkOptions('tenCrop', options, ['verticalFlip']);
  const { verticalFlip: isVertical = false } = options;
  checkFlag('tenCrop verticalFlip', isVertical);
  const flipped = isVertical ? verticalFlip(image) : horizontalFlip(image);
  return [...fiveCrop(image, size), ...fiveCrop(flipped, size)];
}
