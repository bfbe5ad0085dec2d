import { describeValue } from '../../../options.ts';
import { type DType, isTensor, type Tensor } from '../../../tensor/index.ts';

/** A height and a width, or one number for both. */
export type Size = number | readonly [height: number, width: number];

/** Refuses what is no tensor. */
export function checkImage(image: unknown, name: string): asserts image is Tensor {
  if (isTensor(image)) return;
  throw new TypeError(`Expected an image tensor for ${name}, got ${describeValue(image)}`);
}

/** Height and width of an image tensor (..., C, H, W). */
export function imageSize(image: Tensor, name: string): [height: number, width: number] {
  checkImage(image, name);
  const shape = image.shape;
  if (shape.length < 3) {
    throw new RangeError(`Expected an image of shape (..., C, H, W) for ${name}, got [${shape.join(', ')}]`);
  }
  return [shape.at(-2) as number, shape.at(-1) as number];
}

/** Channels of an image tensor (..., C, H, W). */
export function channelsOf(image: Tensor, name: string): number {
  imageSize(image, name);
  return image.shape.at(-3) as number;
}

/** Refuses images that are neither gray nor RGB. */
export function checkChannels(image: Tensor, name: string): 1 | 3 {
  const channels = channelsOf(image, name);
  if (channels === 1 || channels === 3) return channels;
  throw new TypeError(`Expected an image of 1 or 3 channels for ${name}, got [${image.shape.join(', ')}]`);
}

/** `image` as (N, C, H, W), changed by `change`, with its leading dimensions again. */
export function asBatch(image: Tensor, change: (batch: Tensor) => Tensor): Tensor {
  const shape = image.shape;
  const changed = change(image.reshape([-1, ...shape.slice(-3)]));
  return changed.reshape([...shape.slice(0, -3), ...changed.shape.slice(-3)]);
}

/** The numbers of a list; none for what is no list. */
export function listOf(value: unknown): readonly number[] {
  return Array.isArray(value) ? [...value] : [];
}

/** `size` as a pair, checked. */
export function sizePair(size: Size, name: string): [height: number, width: number] {
  const pair = typeof size === 'number' ? [size, size] : listOf(size);
  if (pair.length !== 2 || !pair.every((side) => Number.isInteger(side) && side > 0)) {
    throw new RangeError(`Expected a positive integer or [height, width] for ${name}, got ${repr(size)}`);
  }
  return pair as unknown as [number, number];
}

const MAX_VALUES: Partial<Record<DType, number>> = {
  uint8: 255,
  int8: 127,
  int16: 32767,
  uint16: 65535,
  int32: 2147483647,
  int64: 2 ** 63,
};

/** White: the largest number of an integer dtype, 1 of any other. */
export function maxValue(dtype: DType): number {
  return MAX_VALUES[dtype] ?? 1;
}

/** Bits of an integer dtype without its sign. */
export function valueBits(dtype: DType, name: string): number {
  const largest = MAX_VALUES[dtype];
  if (largest !== undefined) return Math.round(Math.log2(largest + 1));
  throw new TypeError(`Expected an integer dtype for ${name}, got ${dtype}`);
}

/** Integers as float32; floating point images as they are. */
export function floating(image: Tensor): Tensor {
  return image.isFloatingPoint() ? image : image.to('float32');
}

/** A finite number of at least `least`. */
export function atLeast(least: number, value: unknown, name: string): number {
  if (typeof value === 'number' && value >= least && value < Infinity) return value;
  throw new RangeError(`Expected a number of at least ${least} for ${name}, got ${describeValue(value)}`);
}

/** Python's `round`: halves go to the even neighbour. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** A value for an error message. */
export function repr(value: unknown): string {
  return Array.isArray(value) ? `[${value.map(repr).join(', ')}]` : String(value);
}
