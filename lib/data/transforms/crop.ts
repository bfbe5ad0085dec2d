import { checkOptions, checkPositions } from '../../options.ts';
import { ops, randint, scope, type Tensor } from '../../tensor/index.ts';
import { sampleGenerator } from '../sample-generator.ts';
import { imageSize, repr, roundHalfEven, type Size, sizePair, Transform } from './transform.ts';

/** The view of (..., H, W) that starts at `top`, `left`. */
export function crop(image: Tensor, top: number, left: number, height: number, width: number): Tensor {
  return scope(() => image.narrow(-2, top, height).narrow(-1, left, width));
}

/** Pads the last two dimensions with a constant. */
export function pad(
  image: Tensor,
  [left, top, right, bottom]: readonly [left: number, top: number, right: number, bottom: number],
  fill = 0,
): Tensor {
  return ops.aten.constant_pad_nd(image, [left, right, top, bottom], fill);
}

/**
 * Takes the middle of an image (..., C, H, W) as a view; a smaller image is first padded with zeros. Where the
 * middle falls between two pixels, it rounds to the even one as torchvision does.
 *
 * @example
 * new transforms.CenterCrop(224).forward(image); // (3, 256, 383) -> (3, 224, 224)
 */
export class CenterCrop extends Transform {
  readonly size: [height: number, width: number];
  constructor(size: Size) {
    checkPositions('CenterCrop', arguments, 1);
    super();
    this.size = sizePair(size, 'CenterCrop size');
  }

  forward(image: Tensor): Tensor {
    return scope(() => {
      const padded = padTo(image, this.size);
      const [height, width] = imageSize(padded, 'CenterCrop');
      const [cropHeight, cropWidth] = this.size;
      const top = roundHalfEven((height - cropHeight) / 2);
      const left = roundHalfEven((width - cropWidth) / 2);
      return crop(padded, top, left, cropHeight, cropWidth);
    });
  }

  override extraRepr(): string {
    return `size=(${this.size.join(', ')})`;
  }
}

function padTo(image: Tensor, [cropHeight, cropWidth]: readonly [number, number]): Tensor {
  const [height, width] = imageSize(image, 'CenterCrop');
  const down = Math.max(0, cropHeight - height);
  const across = Math.max(0, cropWidth - width);
  if (down === 0 && across === 0) return image;
  return pad(image, [across >> 1, down >> 1, (across + 1) >> 1, (down + 1) >> 1]);
}

/** Padding in pixels: one number, [left/right, top/bottom], or [left, top, right, bottom]. */
export type Padding =
  | number
  | readonly [across: number, down: number]
  | readonly [left: number, top: number, right: number, bottom: number];

/** Options of {@link RandomCrop}. */
export interface RandomCropOptions {
  /** Added on every side before cropping. Default none. */
  padding?: Padding;
  /** Pad an image that is smaller than the crop, instead of throwing. Default false. */
  padIfNeeded?: boolean;
  /** The value of padded pixels. Default 0. */
  fill?: number;
}

/**
 * Crops (..., C, H, W) at a random place. Draws from the generator that `manualSeed` seeds, in torchvision's
 * order (top, then left, each only where there is a choice), so the same seed gives torchvision's crops; under a
 * `DataLoader` from the sample's own.
 *
 * @throws RangeError when the padded image is smaller than the crop
 */
export class RandomCrop extends Transform {
  readonly size: [height: number, width: number];
  readonly padding: [left: number, top: number, right: number, bottom: number] | undefined;
  readonly padIfNeeded: boolean;
  readonly fill: number;

  constructor(size: Size, options: RandomCropOptions = {}) {
    checkPositions('RandomCrop', arguments, 2);
    super();
    checkOptions('RandomCrop', options, ['padding', 'padIfNeeded', 'fill']);
    this.size = sizePair(size, 'RandomCrop size');
    this.padding = options.padding === undefined ? undefined : fourSides(options.padding);
    this.padIfNeeded = options.padIfNeeded ?? false;
    this.fill = options.fill ?? 0;
  }

  forward(image: Tensor): Tensor {
    return scope(() => {
      const sides = this.sidesFor(imageSize(image, 'RandomCrop'));
      const padded = sides.some((side) => side > 0) ? pad(image, sides, this.fill) : image;
      const [height, width] = imageSize(padded, 'RandomCrop');
      const [cropHeight, cropWidth] = this.size;
      if (height < cropHeight || width < cropWidth) {
        const wanted = `at least (${cropHeight}, ${cropWidth})`;
        throw new RangeError(
          `Expected an image of ${wanted} for RandomCrop, got (${height}, ${width}); set padding or padIfNeeded`,
        );
      }
      const top = height > cropHeight ? randomInteger(height - cropHeight + 1) : 0;
      const left = width > cropWidth ? randomInteger(width - cropWidth + 1) : 0;
      return crop(padded, top, left, cropHeight, cropWidth);
    });
  }

  private sidesFor([height, width]: readonly [number, number]): [number, number, number, number] {
    const [left, top, right, bottom] = this.padding ?? [0, 0, 0, 0];
    if (!this.padIfNeeded) return [left, top, right, bottom];
    const down = Math.max(0, this.size[0] - height - top - bottom);
    const across = Math.max(0, this.size[1] - width - left - right);
    return [left + across, top + down, right + across, bottom + down];
  }

  override extraRepr(): string {
    // torchvision keeps the four numbers as left, right, top, bottom.
    const [left, top, right, bottom] = this.padding ?? [];
    const padding = this.padding ? `padding=[${left}, ${right}, ${top}, ${bottom}], ` : '';
    const rest = `pad_if_needed=${this.padIfNeeded ? 'True' : 'False'}, fill=${this.fill}, padding_mode=constant`;
    return `size=(${this.size.join(', ')}), ${padding}${rest}`;
  }
}

/** An integer in [0, high). */
export function randomInteger(high: number): number {
  return scope(() => Number(randint(0, high, [], { generator: sampleGenerator() }).item()));
}

function fourSides(padding: Padding): [number, number, number, number] {
  const sides = typeof padding === 'number' ? [padding, padding, padding, padding] : [...padding];
  const four = sides.length === 2 ? [...sides, ...sides] : sides;
  if (four.length !== 4 || !four.every((side) => Number.isInteger(side) && side >= 0)) {
    throw new RangeError(
      `Expected 1, 2 or 4 non-negative integers for RandomCrop padding, got ${repr(padding)}`,
    );
  }
  return four as [number, number, number, number];
}
