import { checkPositions } from '../../options.ts';
import type { Tensor } from '../../tensor/index.ts';

/** A height and a width, or one number for both. */
export type Size = number | readonly [height: number, width: number];

/**
 * One step of image preparation. Images are tensors of shape (..., C, H, W). `forward` leaves its input as it
 * is and returns a new tensor, or the input itself when there is nothing to do.
 */
export abstract class Transform {
  constructor() {
    checkPositions(new.target.name, arguments, 0);
  }

  abstract forward(image: Tensor): Tensor;

  /** What stands between the brackets when the transform is printed, spelled as torchvision prints it. */
  extraRepr(): string {
    return '';
  }

  toString(): string {
    return `${this.constructor.name}(${this.extraRepr()})`;
  }
}

/** Height and width of an image tensor (..., H, W). */
export function imageSize(image: Tensor, name: string): [height: number, width: number] {
  const shape = image.shape;
  if (shape.length < 3) {
    throw new RangeError(`Expected an image of shape (..., C, H, W) for ${name}, got [${shape.join(', ')}]`);
  }
  return [shape.at(-2) as number, shape.at(-1) as number];
}

/** `size` as a pair, checked. */
export function sizePair(size: Size, name: string): [height: number, width: number] {
  const pair = typeof size === 'number' ? [size, size] : [...size];
  if (pair.length !== 2 || !pair.every((side) => Number.isInteger(side) && side > 0)) {
    throw new RangeError(`Expected a positive integer or [height, width] for ${name}, got ${repr(size)}`);
  }
  return pair as [number, number];
}

/** Python's `round`: halves go to the even neighbour. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** A number as Python prints a float (`1.0`, not `1`). */
export function pyFloat(value: number): string {
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}

/** A boolean as Python prints it. */
export function pyBool(value: boolean): string {
  return value ? 'True' : 'False';
}

/** A value for an error message. */
export function repr(value: unknown): string {
  return Array.isArray(value) ? `[${value.map(repr).join(', ')}]` : String(value);
}
