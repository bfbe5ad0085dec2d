import { checkOptions, checkPositions } from '../../options.ts';
import { ops, scope, type Tensor } from '../../tensor/index.ts';
import { imageSize, pyBool, repr, type Size, sizePair, Transform } from './transform.ts';

/** How pixels between pixels are found. */
export type Interpolation = 'bilinear' | 'bicubic' | 'nearest' | 'nearest-exact';

/** Options of {@link Resize}. */
export interface ResizeOptions {
  /** Default `'bilinear'`. */
  interpolation?: Interpolation;
  /** The longer side's limit, for a `size` that is one number. Default none. */
  maxSize?: number;
  /** Low-pass filter before shrinking, as Pillow always does. Default true. */
  antialias?: boolean;
}

/**
 * Resizes an image (..., C, H, W). A number is the shorter side's new length, and the longer side keeps the
 * aspect ratio, truncated to an integer as torchvision 0.28 computes it; a pair is [height, width]. On `uint8`
 * the antialiased bilinear result agrees with Pillow's to 1 of 255.
 *
 * @example
 * new transforms.Resize(256).forward(image); // (3, 427, 640) -> (3, 256, 383)
 */
export class Resize extends Transform {
  readonly size: Size;
  readonly interpolation: Interpolation;
  readonly maxSize: number | undefined;
  readonly antialias: boolean;

  constructor(size: Size, options: ResizeOptions = {}) {
    checkPositions('Resize', arguments, 2);
    super();
    checkOptions('Resize', options, ['interpolation', 'maxSize', 'antialias']);
    sizePair(size, 'Resize size');
    this.size = size;
    this.interpolation = options.interpolation ?? 'bilinear';
    this.maxSize = options.maxSize;
    this.antialias = options.antialias ?? true;
    checkResize(this);
  }

  forward(image: Tensor): Tensor {
    const target = this.outputSize(imageSize(image, 'Resize'));
    return resize(image, target, this.interpolation, this.antialias);
  }

  /** The [height, width] that an image of this size gets. */
  outputSize([height, width]: readonly [number, number]): [height: number, width: number] {
    if (typeof this.size !== 'number') return [...this.size];
    const [short, long] = width <= height ? [width, height] : [height, width];
    let newShort = this.size;
    let newLong = Math.trunc((this.size * long) / short);
    if (this.maxSize !== undefined && newLong > this.maxSize) {
      newShort = Math.trunc((this.maxSize * newShort) / newLong);
      newLong = this.maxSize;
    }
    return width <= height ? [newLong, newShort] : [newShort, newLong];
  }

  override extraRepr(): string {
    const size = typeof this.size === 'number' ? [this.size] : this.size;
    const mode = this.interpolation.toUpperCase().replace('-', '_');
    const limit = this.maxSize === undefined ? '' : `, max_size=${this.maxSize}`;
    return `size=${repr(size)}, interpolation=InterpolationMode.${mode}${limit}, antialias=${pyBool(this.antialias)}`;
  }
}

function checkResize({ size, interpolation, maxSize }: Resize): void {
  if (!['bilinear', 'bicubic', 'nearest', 'nearest-exact'].includes(interpolation)) {
    const known = '"bilinear", "bicubic", "nearest" or "nearest-exact"';
    throw new RangeError(`Expected ${known} for Resize interpolation, got "${interpolation}"`);
  }
  if (maxSize === undefined) return;
  if (typeof size !== 'number') {
    throw new RangeError(`Expected a single number for Resize size beside maxSize, got ${repr(size)}`);
  }
  if (!(maxSize > size)) {
    throw new RangeError(`Expected more than the size ${size} for Resize maxSize, got ${maxSize}`);
  }
}

/** Resizes (..., C, H, W) to exactly `target`. The dtype stays: integers other than uint8 go through float32. */
export function resize(
  image: Tensor,
  target: readonly [height: number, width: number],
  interpolation: Interpolation,
  antialias: boolean,
): Tensor {
  const [height, width] = imageSize(image, 'Resize');
  if (height === target[0] && width === target[1]) return image;
  const shape = image.shape;
  return scope(() => {
    const batch = image.reshape([-1, shape.at(-3) as number, height, width]);
    const native = isNative(image, interpolation);
    const small = interpolate(native ? batch : batch.to('float32'), [...target], interpolation, antialias);
    const typed = native ? small : restoreDtype(small, image);
    return typed.reshape([...shape.slice(0, -2), ...target]);
  });
}

function isNative(image: Tensor, interpolation: Interpolation): boolean {
  if (image.dtype === 'float32' || image.dtype === 'float64') return true;
  return image.dtype === 'uint8' && (image.device === 'cpu' || interpolation.startsWith('nearest'));
}

function restoreDtype(small: Tensor, image: Tensor): Tensor {
  if (image.isFloatingPoint()) return small.to(image.dtype);
  // Bicubic overshoots; uint8 must saturate, not wrap.
  const bounded = image.dtype === 'uint8' ? small.clamp(0, 255) : small;
  return bounded.round().to(image.dtype);
}

function interpolate(batch: Tensor, target: number[], mode: Interpolation, antialias: boolean): Tensor {
  const { aten } = ops;
  if (mode === 'nearest') return aten.upsample_nearest2d(batch, target);
  if (mode === 'nearest-exact') return aten._upsample_nearest_exact2d(batch, target);
  if (mode === 'bilinear') {
    return antialias
      ? aten._upsample_bilinear2d_aa(batch, target, false)
      : aten.upsample_bilinear2d(batch, target, false);
  }
  return antialias
    ? aten._upsample_bicubic2d_aa(batch, target, false)
    : aten.upsample_bicubic2d(batch, target, false);
}
