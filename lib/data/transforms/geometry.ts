import { checkFlag, checkOptions, checkPositions } from '../../options.ts';
import { cat, rand, scope, type Tensor } from '../../tensor/index.ts';
import { sampleGenerator } from '../sample-generator.ts';
import { angleRange, fractions, positives, twoNumbers } from './bounds.ts';
import { probability, RandomApplied, randomInteger, uniform } from './draw.ts';
import { affine, checkPoint, type Point, rotate } from './functional/affine.ts';
import { type Both, gaussianBlur } from './functional/blur.ts';
import type { GridInterpolation } from './functional/grid.ts';
import type { Fill } from './functional/pad.ts';
import { type Corners, elastic, perspective, perspectiveCoefficients } from './functional/perspective.ts';
import { checkInterpolation } from './functional/resize.ts';
import { checkFill, type FillOf, imageFill, maskFill } from './sample.ts';
import { ImageTransform, imageSize, roundHalfEven } from './transform.ts';

/** Options of what turns and bends. */
export interface GridTransformOptions {
  /** How pixels between pixels are found; masks take the nearest. */
  interpolation?: GridInterpolation;
  /** The value of pixels from outside the image. Default 0. */
  fill?: FillOf;
}

function checkGridOptions({ interpolation, fill }: Required<GridTransformOptions>, name: string): void {
  checkInterpolation(interpolation, ['nearest', 'bilinear'], name);
  checkFill(fill, name);
}

/** Options of {@link RandomRotation}; interpolation is `'nearest'` by default. */
export interface RandomRotationOptions extends GridTransformOptions {
  /** Make the result large enough to hold all of the image. Default false. */
  expand?: boolean;
  /** The place that stays, from the upper left corner. Default the middle. */
  center?: Point;
}

/**
 * Turns (..., C, H, W) by a random angle against the clock. As torchvision's (0.28), with its draws.
 *
 * @param degrees bounds, or one number for both sides of 0
 * @example
 * new transforms.RandomRotation(15, { interpolation: 'bilinear', fill: [124, 116, 104] }).forward(image);
 */
export class RandomRotation extends ImageTransform<number> {
  readonly degrees: readonly number[];
  readonly interpolation: GridInterpolation;
  readonly expand: boolean;
  readonly center: Point | undefined;
  readonly fill: FillOf;

  constructor(degrees: number | readonly [number, number], options: RandomRotationOptions = {}) {
    checkPositions('RandomRotation', arguments, 2);
    super();
    checkOptions('RandomRotation', options, ['interpolation', 'expand', 'center', 'fill']);
    this.degrees = angleRange(degrees, [2], 'RandomRotation degrees');
    this.interpolation = options.interpolation ?? 'nearest';
    const { expand = false } = options;
    checkFlag('RandomRotation expand', expand);
    this.expand = expand;
    this.center = options.center;
    this.fill = options.fill ?? 0;
    checkGridOptions(this, 'RandomRotation');
    if (this.center !== undefined) checkPoint(this.center, 'RandomRotation center');
  }

  override makeParams(): number {
    return uniform(...(this.degrees as [number, number]));
  }

  transform(image: Tensor, angle: number): Tensor {
    return this.turned(image, angle, this.interpolation, imageFill(this.fill));
  }

  override transformMask(mask: Tensor, angle: number): Tensor {
    return this.turned(mask, angle, 'nearest', maskFill(this.fill, 'RandomRotation'));
  }

  private turned(image: Tensor, angle: number, interpolation: GridInterpolation, fill: Fill): Tensor {
    return rotate(image, angle, { interpolation, fill, expand: this.expand, center: this.center ?? null });
  }
}

/** Options of {@link RandomAffine}; interpolation is `'nearest'` by default. */
export interface RandomAffineOptions extends GridTransformOptions {
  /** Largest shifts as fractions of width and height. Default none. */
  translate?: readonly [across: number, down: number];
  /** Bounds of the scale. Default none. */
  scale?: readonly [number, number];
  /** Degrees: one number for both sides of 0 along x, bounds along x, or bounds along x and y. Default none. */
  shear?: number | readonly [number, number] | readonly [number, number, number, number];
  /** The place that stays, from the upper left corner. Default the middle. */
  center?: Point;
}

interface AffineParams {
  readonly angle: number;
  readonly translate: Point;
  readonly scale: number;
  readonly shear: Point;
}

/**
 * Turns, shifts, scales and shears (..., C, H, W) at random. As torchvision's (0.28), with its draws.
 *
 * @param degrees bounds of the angle, or one number for both sides of 0
 * @example
 * new transforms.RandomAffine(10, { translate: [0.1, 0.1], scale: [0.9, 1.1] }).forward(image);
 */
export class RandomAffine extends ImageTransform<AffineParams> {
  readonly degrees: readonly number[];
  readonly translate: readonly [number, number] | undefined;
  readonly scale: readonly [number, number] | undefined;
  readonly shear: readonly number[] | undefined;
  readonly interpolation: GridInterpolation;
  readonly fill: FillOf;
  readonly center: Point | undefined;

  constructor(degrees: number | readonly [number, number], options: RandomAffineOptions = {}) {
    checkPositions('RandomAffine', arguments, 2);
    super();
    checkOptions('RandomAffine', options, ['translate', 'scale', 'shear', 'interpolation', 'fill', 'center']);
    this.degrees = angleRange(degrees, [2], 'RandomAffine degrees');
    this.translate = options.translate && fractions(options.translate, 'RandomAffine translate');
    this.scale = options.scale && positives(options.scale, 'RandomAffine scale');
    this.shear =
      options.shear === undefined ? undefined : angleRange(options.shear, [2, 4], 'RandomAffine shear');
    this.interpolation = options.interpolation ?? 'nearest';
    this.fill = options.fill ?? 0;
    this.center = options.center;
    checkGridOptions(this, 'RandomAffine');
    if (this.center !== undefined) checkPoint(this.center, 'RandomAffine center');
  }

  override makeParams(image: Tensor): AffineParams {
    const [height, width] = imageSize(image, 'RandomAffine');
    const angle = uniform(...(this.degrees as [number, number]));
    const [across, down] = this.translate ?? [0, 0];
    const shift = (most: number) => roundHalfEven(uniform(-most, most));
    const translate: Point = this.translate ? [shift(across * width), shift(down * height)] : [0, 0];
    const scale = this.scale ? uniform(...this.scale) : 1;
    const [x0, x1, y0, y1] = this.shear ?? [];
    const bend = (low?: number, high?: number) =>
      low === undefined || high === undefined ? 0 : uniform(low, high);
    return { angle, translate, scale, shear: [bend(x0, x1), bend(y0, y1)] };
  }

  transform(image: Tensor, params: AffineParams): Tensor {
    return this.moved(image, params, this.interpolation, imageFill(this.fill));
  }

  override transformMask(mask: Tensor, params: AffineParams): Tensor {
    return this.moved(mask, params, 'nearest', maskFill(this.fill, 'RandomAffine'));
  }

  private moved(image: Tensor, params: AffineParams, interpolation: GridInterpolation, fill: Fill): Tensor {
    const { angle, translate, scale, shear } = params;
    const center = this.center ?? null;
    return affine(image, angle, translate, scale, shear, { interpolation, fill, center });
  }
}

/** Options of {@link RandomPerspective}; interpolation is `'bilinear'` by default. */
export interface RandomPerspectiveOptions extends GridTransformOptions {
  /** How far corners move, 0 to 1. Default 0.5. */
  distortionScale?: number;
  /** Probability. Default 0.5. */
  p?: number;
}

/** Moves the corners of (..., C, H, W) inwards at random. As torchvision's (0.28), with its draws. */
export class RandomPerspective extends RandomApplied<readonly number[]> {
  readonly distortionScale: number;
  readonly interpolation: GridInterpolation;
  readonly fill: FillOf;

  constructor(options: RandomPerspectiveOptions = {}) {
    checkPositions('RandomPerspective', arguments, 1);
    checkOptions('RandomPerspective', options, ['distortionScale', 'p', 'interpolation', 'fill']);
    super(options.p ?? 0.5);
    this.distortionScale = probability(options.distortionScale ?? 0.5, 'RandomPerspective distortionScale');
    this.interpolation = options.interpolation ?? 'bilinear';
    this.fill = options.fill ?? 0;
    checkGridOptions(this, 'RandomPerspective');
  }

  protected override drawParams(image: Tensor): readonly number[] {
    const [height, width] = imageSize(image, 'RandomPerspective');
    const most = (side: number) => Math.trunc(this.distortionScale * (side >> 1)) + 1;
    const [right, bottom] = [width - most(width), height - most(height)];
    const near = (side: number) => randomInteger(0, most(side));
    const end: Corners = [
      [near(width), near(height)],
      [randomInteger(right, width), near(height)],
      [randomInteger(right, width), randomInteger(bottom, height)],
      [near(width), randomInteger(bottom, height)],
    ];
    const start: Corners = [
      [0, 0],
      [width - 1, 0],
      [width - 1, height - 1],
      [0, height - 1],
    ];
    return perspectiveCoefficients(start, end);
  }

  protected change(image: Tensor, coefficients: readonly number[]): Tensor {
    const { interpolation } = this;
    return perspective(image, null, null, { coefficients, interpolation, fill: imageFill(this.fill) });
  }

  protected override changeMask(mask: Tensor, coefficients: readonly number[]): Tensor {
    const fill = maskFill(this.fill, 'RandomPerspective');
    return perspective(mask, null, null, { coefficients, interpolation: 'nearest', fill });
  }
}

/** Options of {@link ElasticTransform}; interpolation is `'bilinear'` by default. */
export interface ElasticTransformOptions extends GridTransformOptions {
  /** How far pixels move. Default 50. */
  alpha?: Both;
  /** How smooth the movement is. Default 5. */
  sigma?: Both;
}

/** Bends (..., C, H, W) as if seen through water. As torchvision's (0.28), with its draws. */
export class ElasticTransform extends ImageTransform<Tensor> {
  readonly alpha: readonly [number, number];
  readonly sigma: readonly [number, number];
  readonly interpolation: GridInterpolation;
  readonly fill: FillOf;

  constructor(options: ElasticTransformOptions = {}) {
    checkPositions('ElasticTransform', arguments, 1);
    super();
    checkOptions('ElasticTransform', options, ['alpha', 'sigma', 'interpolation', 'fill']);
    this.alpha = twoNumbers(options.alpha ?? 50, 'ElasticTransform alpha');
    this.sigma = twoNumbers(options.sigma ?? 5, 'ElasticTransform sigma');
    this.interpolation = options.interpolation ?? 'bilinear';
    this.fill = options.fill ?? 0;
    checkGridOptions(this, 'ElasticTransform');
  }

  override makeParams(image: Tensor): Tensor {
    const size = imageSize(image, 'ElasticTransform');
    return scope(() => {
      const shifts = [0, 1].map((axis) => this.shift(size, axis as 0 | 1));
      return cat(shifts, 1).permute([0, 2, 3, 1]); // (1, H, W, 2)
    });
  }

  private shift([height, width]: readonly [number, number], axis: 0 | 1): Tensor {
    const noise = rand([1, 1, height, width], { generator: sampleGenerator() }).mul(2).sub(1);
    const sigma = this.sigma[axis];
    const size = Math.trunc(8 * sigma + 1);
    const smooth = sigma > 0 ? gaussianBlur(noise, size + 1 - (size % 2), { sigma: this.sigma }) : noise;
    return smooth.mul(this.alpha[axis]).div(axis === 0 ? width : height);
  }

  transform(image: Tensor, displacement: Tensor): Tensor {
    return elastic(image, displacement, { interpolation: this.interpolation, fill: imageFill(this.fill) });
  }

  override transformMask(mask: Tensor, displacement: Tensor): Tensor {
    const fill = maskFill(this.fill, 'ElasticTransform');
    return elastic(mask, displacement, { interpolation: 'nearest', fill });
  }
}
