import { checkFlag, checkOptions, checkPositions } from '../../options.ts';
import { scope, type Tensor } from '../../tensor/index.ts';
import { randomInteger } from './draw.ts';
import { centerCrop, crop } from './functional/geometry.ts';
import { checkPaddingMode, fourSides, type Padding, type PaddingMode, pad } from './functional/pad.ts';
import { checkFill, type FillOf, imageFill, maskFill } from './sample.ts';
import { ImageTransform, imageSize, pyBool, repr, type Size, sizePair } from './transform.ts';

/**
 * Takes the middle of an image (..., C, H, W) as a view; a smaller image is first padded with zeros. Where the
 * middle falls between two pixels, it rounds to the even one as torchvision does.
 *
 * @example
 * new transforms.CenterCrop(224).forward(image); // (3, 256, 383) -> (3, 224, 224)
 */
export class CenterCrop extends ImageTransform {
  readonly size: [height: number, width: number];
  constructor(size: Size) {
    checkPositions('CenterCrop', arguments, 1);
    super();
    this.size = sizePair(size, 'CenterCrop size');
  }

  transform(image: Tensor): Tensor {
    imageSize(image, 'CenterCrop');
    return centerCrop(image, this.size);
  }

  override transformMask(mask: Tensor): Tensor {
    return centerCrop(mask, this.size);
  }

  override extraRepr(): string {
    return `size=(${this.size.join(', ')})`;
  }
}

/** Options of {@link RandomCrop}. */
export interface RandomCropOptions {
  /** Added on every side before cropping. Default none. */
  padding?: Padding;
  /** Pad an image that is smaller than the crop, instead of throwing. Default false. */
  padIfNeeded?: boolean;
  /** The value of padded pixels. Default 0. */
  fill?: FillOf;
  /** What is padded with. Default `'constant'`. */
  paddingMode?: PaddingMode;
}

type Sides = [left: number, top: number, right: number, bottom: number];

/** Padding, and where a crop begins in what is padded. */
export interface CropParams {
  readonly sides: Sides;
  readonly top: number;
  readonly left: number;
}

/**
 * Crops (..., C, H, W) at a random place. Draws from the generator that `manualSeed` seeds, in torchvision's
 * order (top, then left, each only where there is a choice), so the same seed gives torchvision's crops; under a
 * `DataLoader` from the sample's own.
 *
 * @throws RangeError when the padded image is smaller than the crop
 */
export class RandomCrop extends ImageTransform<CropParams> {
  readonly size: [height: number, width: number];
  readonly padding: Sides | undefined;
  readonly padIfNeeded: boolean;
  readonly fill: FillOf;
  readonly paddingMode: PaddingMode;

  constructor(size: Size, options: RandomCropOptions = {}) {
    checkPositions('RandomCrop', arguments, 2);
    super();
    checkOptions('RandomCrop', options, ['padding', 'padIfNeeded', 'fill', 'paddingMode']);
    this.size = sizePair(size, 'RandomCrop size');
    this.padding = options.padding === undefined ? undefined : nonNegativeSides(options.padding);
    const { padIfNeeded = false } = options;
    checkFlag('RandomCrop padIfNeeded', padIfNeeded);
    this.padIfNeeded = padIfNeeded;
    this.fill = options.fill ?? 0;
    this.paddingMode = checkPaddingMode(options.paddingMode ?? 'constant', 'RandomCrop');
    checkFill(this.fill, 'RandomCrop');
  }

  override makeParams(image: Tensor): CropParams {
    return this.paramsFor(imageSize(image, 'RandomCrop'));
  }

  /** Draws a crop for an image of this size. */
  paramsFor(size: readonly [height: number, width: number]): CropParams {
    const sides = this.sidesFor(size);
    const [height, width] = [size[0] + sides[1] + sides[3], size[1] + sides[0] + sides[2]];
    const [cropHeight, cropWidth] = this.size;
    if (height < cropHeight || width < cropWidth) {
      const wanted = `at least (${cropHeight}, ${cropWidth})`;
      throw new RangeError(
        `Expected an image of ${wanted} for RandomCrop, got (${height}, ${width}); set padding or padIfNeeded`,
      );
    }
    const top = height > cropHeight ? randomInteger(0, height - cropHeight + 1) : 0;
    const left = width > cropWidth ? randomInteger(0, width - cropWidth + 1) : 0;
    return { sides, top, left };
  }

  transform(image: Tensor, params: CropParams): Tensor {
    return this.cut(image, params, imageFill(this.fill));
  }

  override transformMask(mask: Tensor, params: CropParams): Tensor {
    return this.cut(mask, params, maskFill(this.fill, 'RandomCrop'));
  }

  private cut(image: Tensor, { sides, top, left }: CropParams, fill: ReturnType<typeof imageFill>): Tensor {
    return scope(() => {
      const { paddingMode } = this;
      const padded = sides.some((side) => side > 0) ? pad(image, sides, { fill, paddingMode }) : image;
      return crop(padded, top, left, ...this.size);
    });
  }

  private sidesFor([height, width]: readonly [number, number]): Sides {
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
    const fill = repr(imageFill(this.fill));
    const rest = `pad_if_needed=${pyBool(this.padIfNeeded)}, fill=${fill}, padding_mode=${this.paddingMode}`;
    return `size=(${this.size.join(', ')}), ${padding}${rest}`;
  }
}

function nonNegativeSides(padding: Padding): Sides {
  const sides = fourSides(padding, 'RandomCrop padding');
  if (sides.every((side) => side >= 0)) return [...sides];
  throw new RangeError(
    `Expected 1, 2 or 4 non-negative integers for RandomCrop padding, got ${repr(padding)}`,
  );
}
