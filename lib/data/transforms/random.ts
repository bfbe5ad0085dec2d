import { checkOptions, checkPositions } from '../../options.ts';
import { empty, scope, type Tensor } from '../../tensor/index.ts';
import { sampleGenerator } from '../sample-generator.ts';
import { crop, randomInteger } from './crop.ts';
import { type Interpolation, resize } from './resize.ts';
import { imageSize, pyBool, pyFloat, roundHalfEven, type Size, sizePair, Transform } from './transform.ts';

/** Mirrors (..., C, H, W) left to right with probability `p`, default 0.5. Draws as torchvision does. */
export class RandomHorizontalFlip extends Transform {
  readonly p: number;
  constructor(p = 0.5) {
    checkPositions('RandomHorizontalFlip', arguments, 1);
    super();
    if (!(p >= 0 && p <= 1)) throw new RangeError(`Expected 0 to 1 for RandomHorizontalFlip p, got ${p}`);
    this.p = p;
  }

  forward(image: Tensor): Tensor {
    return uniform(0, 1) < this.p ? image.flip([-1]) : image;
  }

  override extraRepr(): string {
    return `p=${this.p}`;
  }
}

/** Options of {@link RandomResizedCrop}. */
export interface RandomResizedCropOptions {
  /** Bounds of the crop's share of the area. Default [0.08, 1]. */
  scale?: readonly [number, number];
  /** Bounds of width / height. Default [3/4, 4/3]. */
  ratio?: readonly [number, number];
  /** Default `'bilinear'`. */
  interpolation?: Interpolation;
  /** Default true. */
  antialias?: boolean;
}

/**
 * Takes a random part of (..., C, H, W), of random area and shape, and resizes it. Draws from the generator that
 * `manualSeed` seeds, in torchvision's order, so the same seed gives torchvision's crops; under a `DataLoader` from the
 * sample's own.
 *
 * @example
 * new transforms.RandomResizedCrop(224).forward(image); // (3, 427, 640) -> (3, 224, 224)
 */
export class RandomResizedCrop extends Transform {
  readonly size: [height: number, width: number];
  readonly scale: readonly [number, number];
  readonly ratio: readonly [number, number];
  readonly interpolation: Interpolation;
  readonly antialias: boolean;

  constructor(size: Size, options: RandomResizedCropOptions = {}) {
    checkPositions('RandomResizedCrop', arguments, 2);
    super();
    checkOptions('RandomResizedCrop', options, ['scale', 'ratio', 'interpolation', 'antialias']);
    this.size = sizePair(size, 'RandomResizedCrop size');
    this.scale = options.scale ?? [0.08, 1];
    this.ratio = options.ratio ?? [3 / 4, 4 / 3];
    this.interpolation = options.interpolation ?? 'bilinear';
    this.antialias = options.antialias ?? true;
    checkBounds(this.scale, 'scale');
    checkBounds(this.ratio, 'ratio');
  }

  forward(image: Tensor): Tensor {
    const [top, left, height, width] = this.box(imageSize(image, 'RandomResizedCrop'));
    return scope(() =>
      resize(crop(image, top, left, height, width), this.size, this.interpolation, this.antialias),
    );
  }

  /** Draws a crop for an image of this size: [top, left, height, width]. */
  box([height, width]: readonly [number, number]): [number, number, number, number] {
    const [low, high] = this.ratio.map((ratio) => Math.fround(Math.log(Math.fround(ratio)))) as [
      number,
      number,
    ];
    for (let attempt = 0; attempt < 10; attempt++) {
      const area = height * width * uniform(...this.scale);
      const aspect = scope(() => uniformTensor(low, high).exp().item() as number);
      const cropWidth = roundHalfEven(Math.sqrt(area * aspect));
      const cropHeight = roundHalfEven(Math.sqrt(area / aspect));
      if (cropWidth > 0 && cropWidth <= width && cropHeight > 0 && cropHeight <= height) {
        const top = randomInteger(height - cropHeight + 1);
        return [top, randomInteger(width - cropWidth + 1), cropHeight, cropWidth];
      }
    }
    return this.centralBox(height, width);
  }

  private centralBox(height: number, width: number): [number, number, number, number] {
    const ratio = width / height;
    const [low, high] = [Math.min(...this.ratio), Math.max(...this.ratio)];
    const cropHeight = ratio < low ? roundHalfEven(width / low) : height;
    const cropWidth = ratio > high ? roundHalfEven(height * high) : width;
    return [(height - cropHeight) >> 1, (width - cropWidth) >> 1, cropHeight, cropWidth];
  }

  override extraRepr(): string {
    const pair = (bounds: readonly [number, number]) => `(${bounds.map(pyFloat).join(', ')})`;
    const mode = this.interpolation.toUpperCase().replace('-', '_');
    const bounds = `scale=${pair(this.scale)}, ratio=${pair(this.ratio)}`;
    const rest = `interpolation=InterpolationMode.${mode}, antialias=${pyBool(this.antialias)}`;
    return `size=(${this.size.join(', ')}), ${bounds}, ${rest}`;
  }
}

function uniformTensor(low: number, high: number): Tensor {
  return empty([1]).uniform_(low, high, { generator: sampleGenerator() });
}

/** A float32 from [low, high). */
function uniform(low: number, high: number): number {
  return scope(() => uniformTensor(low, high).item() as number);
}

function checkBounds([low, high]: readonly [number, number], name: string): void {
  if (!(low > 0 && low <= high)) {
    throw new RangeError(`Expected 0 < low <= high for RandomResizedCrop ${name}, got [${low}, ${high}]`);
  }
}
