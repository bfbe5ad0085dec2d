import { checkFlag, checkOptions, checkPositions, describeValue } from '../../../options.ts';
import { ops, scope, type Tensor } from '../../../tensor/index.ts';
import { asBatch, checkImage, imageSize, repr, type Size, sizePair } from './image.ts';
import { isResampled, resample } from './resample.ts';

/** How pixels between pixels are found. */
export type Interpolation = 'bilinear' | 'bicubic' | 'nearest' | 'nearest-exact' | 'lanczos';

const INTERPOLATIONS: readonly Interpolation[] = [
  'bilinear',
  'bicubic',
  'nearest',
  'nearest-exact',
  'lanczos',
];

/** Options of {@link resize}. */
export interface ResizeOptions {
  /** Default `'bilinear'`. `'lanczos'` is for the CPU, only with `antialias`, and but for uint8 wants libtorch from 2.13 on. */
  interpolation?: Interpolation;
  /** The longer side's limit, for a `size` that is one number. Default none. */
  maxSize?: number;
  /** Low-pass filter before shrinking, as Pillow always does; of no effect for both kinds of nearest. Default true. */
  antialias?: boolean;
}

/**
 * Resizes an image (..., C, H, W). A number is the shorter side's new length, and the longer side keeps the aspect
 * ratio, truncated to an integer; a pair is [height, width]. The dtype stays: integers other than uint8 go through
 * float32. As torchvision's (0.28); of uint8 on the CPU with `antialias` as Pillow's, to the last bit, which is what
 * torchvision gives for a PIL image.
 */
export function resize(image: Tensor, wanted: Size | readonly [number], options: ResizeOptions = {}): Tensor {
  checkPositions('resize', arguments, 3);
  const size = asSize(wanted);
  checkImage(image, 'resize');
  checkOptions('resize', options, ['interpolation', 'maxSize', 'antialias']);
  const { interpolation = 'bilinear', antialias = true, maxSize } = options;
  checkResize(size, { interpolation, antialias, maxSize }, 'resize');
  const now = imageSize(image, 'resize');
  const target = resizedSize(now, size, maxSize);
  if (now[0] === target[0] && now[1] === target[1]) return image;
  return scope(() =>
    asBatch(image, (batch) => {
      if (antialias && isResampled(batch, interpolation)) return resample(batch, target, interpolation);
      const isDirect = isNative(image, interpolation);
      const found = interpolate(isDirect ? batch : batch.to('float32'), target, interpolation, antialias);
      return isDirect ? found : restoreDtype(found, image);
    }),
  );
}

/** A list of one number is that number, as in torchvision. */
export const asSize = (size: Size | readonly [number]): Size =>
  Array.isArray(size) && size.length === 1 ? (size[0] as number) : (size as Size);

/** The [height, width] that an image of a size gets. */
export function resizedSize(
  [height, width]: readonly [number, number],
  size: Size,
  maxSize?: number,
): [height: number, width: number] {
  if (typeof size !== 'number') return [...size];
  const [short, long] = width <= height ? [width, height] : [height, width];
  let newShort = size;
  let newLong = Math.trunc((size * long) / short);
  if (maxSize !== undefined && newLong > maxSize) {
    newShort = Math.trunc((maxSize * newShort) / newLong);
    newLong = maxSize;
  }
  return width <= height ? [newLong, newShort] : [newShort, newLong];
}

/** Refuses what {@link resize} cannot do. */
export function checkResize(
  size: Size,
  { interpolation, antialias, maxSize }: { [Key in keyof ResizeOptions]: ResizeOptions[Key] | undefined },
  name: string,
): void {
  sizePair(size, `${name} size`);
  if (antialias !== undefined) checkFlag(`${name} antialias`, antialias);
  checkInterpolation(interpolation, INTERPOLATIONS, name);
  if (interpolation === 'lanczos' && antialias === false) {
    throw new RangeError(`Expected antialias for ${name} with interpolation "lanczos", got false`);
  }
  if (maxSize === undefined) return;
  if (typeof size !== 'number') {
    throw new RangeError(`Expected a single number for ${name} size beside maxSize, got ${repr(size)}`);
  }
  if (!(maxSize > size)) {
    throw new RangeError(`Expected more than the size ${size} for ${name} maxSize, got ${maxSize}`);
  }
}

/** Refuses ways of interpolating that are not among those known. */
export function checkInterpolation(value: unknown, known: readonly Interpolation[], name: string): void {
  if (known.includes(value as Interpolation)) return;
  const names = known.map((mode) => `"${mode}"`);
  const list = `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
  throw new RangeError(`Expected ${list} for ${name} interpolation, got ${describeValue(value)}`);
}

function isNative(image: Tensor, interpolation: Interpolation): boolean {
  if (image.dtype === 'float32' || image.dtype === 'float64') return true;
  return image.dtype === 'uint8' && (image.device === 'cpu' || interpolation.startsWith('nearest'));
}

function restoreDtype(found: Tensor, image: Tensor): Tensor {
  if (image.isFloatingPoint()) return found.to(image.dtype);
  // Bicubic overshoots; uint8 must saturate, not wrap.
  const bounded = image.dtype === 'uint8' ? found.clamp(0, 255) : found;
  return bounded.round().to(image.dtype);
}

function interpolate(batch: Tensor, size: number[], mode: Interpolation, antialias: boolean): Tensor {
  const { aten } = ops;
  switch (mode) {
    case 'nearest':
      return aten.upsample_nearest2d(batch, size);
    case 'nearest-exact':
      return aten._upsample_nearest_exact2d(batch, size);
    case 'bilinear':
      return antialias
        ? aten._upsample_bilinear2d_aa(batch, size, false)
        : aten.upsample_bilinear2d(batch, size, false);
    case 'bicubic':
      return antialias
        ? aten._upsample_bicubic2d_aa(batch, size, false)
        : aten.upsample_bicubic2d(batch, size, false);
    case 'lanczos':
      return aten._upsample_lanczos2d_aa(batch, size, false);
  }
}
