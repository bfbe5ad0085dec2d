import { describeValue } from '../../options.ts';
import { scope, Tensor } from '../../tensor/index.ts';
import { imageSize, repr } from './functional/image.ts';
import type { Fill } from './functional/pad.ts';

/** An image (..., C, H, W) with a mask (..., H, W) of labels, and whatever else. */
export interface Sample {
  readonly image: Tensor;
  readonly mask?: Tensor | undefined;
}

/** A fill for images and one for masks; a mask's is one number. What is not named is null. */
export type FillOf = Fill | { readonly image?: Fill; readonly mask?: number | null };

/** The mask of a sample, changed as an image of one channel where it has no channels. */
export function maskOf({ image, mask }: Sample, change: (mask: Tensor) => Tensor): Tensor {
  if (!(mask instanceof Tensor)) {
    throw new TypeError(`Expected a Tensor for the mask of a sample, got ${describeValue(mask)}`);
  }
  const [height, width] = imageSize(image, 'the image of a sample');
  const shape = mask.shape;
  if (shape.length < 2 || shape.at(-2) !== height || shape.at(-1) !== width) {
    throw new RangeError(
      `Expected a mask (..., ${height}, ${width}), as its image is, got [${shape.join(', ')}]`,
    );
  }
  if (shape.length > 2) return change(mask);
  return scope(() => change(mask.unsqueeze(0)).squeeze(0));
}

/** The part of a fill that is for images. */
export function imageFill(fill: FillOf): Fill {
  return isNamed(fill) ? (fill.image ?? null) : fill;
}

/** The part of a fill that is for masks. */
export function maskFill(fill: FillOf, name: string): number | null {
  const value = isNamed(fill) ? (fill.mask ?? null) : fill;
  if (typeof value === 'number' || value === null) return value;
  throw new RangeError(
    `Expected one number for ${name} fill of a mask, got ${repr([...value])}; pass fill: { image: [...], mask: 0 }`,
  );
}

/** Refuses what is no fill. */
export function checkFill(fill: FillOf, name: string): void {
  const parts = isNamed(fill) ? Object.values(fill) : [fill];
  const isKnown = !isNamed(fill) || Object.keys(fill).every((key) => key === 'image' || key === 'mask');
  if (isKnown && parts.every((part) => part === null || isNumbers(part))) return;
  throw new TypeError(
    `Expected a number, an array of numbers, null or { image, mask } for ${name} fill, got ${describeValue(fill)}`,
  );
}

const isNumbers = (value: unknown) =>
  typeof value === 'number' || (Array.isArray(value) && value.every((item) => typeof item === 'number'));

function isNamed(fill: FillOf): fill is { readonly image?: Fill; readonly mask?: number | null } {
  return typeof fill === 'object' && fill !== null && !Array.isArray(fill);
}
