import { RandomApplied, randomInteger, uniform } from '../../data/transforms/draw.ts';
import { erase } from '../../data/transforms/functional/blur.ts';
import { IMAGENET_MEAN } from '../../data/transforms/index.ts';
import { imageSize, roundHalfEven } from '../../data/transforms/transform.ts';
import { checkOptions, checkPositions, describeValue } from '../../options.ts';
import { type Tensor, tensor } from '../../tensor/index.ts';
import { checkNumber } from '../models/checks.ts';

/** Options of {@link ReIDRandomErasing}. */
export interface ReIDRandomErasingOptions {
  /** Probability. Default 0.5. */
  p?: number;
  /** Bounds of the window's share of the area. Default [0.02, 0.4]. */
  scale?: readonly [number, number];
  /** Least height / width; the greatest is its reciprocal. Default 0.3. */
  r1?: number;
  /** What each channel is filled with. Default ImageNet's mean, as the published code writes it into images normalised before. */
  mean?: readonly number[];
}

type Window = readonly [i: number, j: number, h: number, w: number];

/**
 * reid-strong-baseline's random erasing, for images after `Normalize`: a window with an aspect drawn evenly (torchvision draws
 * its logarithm), up to 100 tries, filled with the mean of pixels in [0, 1]. The published code draws from Python's `random`;
 * this draws from the loader's generator, with the same distribution. fast-reid's form is `transforms.RandomErasing` with
 * `value: [123.675, 116.28, 103.53]` on pixels from 0 to 255.
 *
 * @example
 * new reid.ReIDRandomErasing({ p: 0.5 }).forward(image);
 */
export class ReIDRandomErasing extends RandomApplied<Window | undefined> {
  readonly scale: readonly [number, number];
  readonly r1: number;
  readonly mean: readonly number[];

  constructor(options: ReIDRandomErasingOptions = {}) {
    checkPositions('ReIDRandomErasing', arguments, 1);
    checkOptions('ReIDRandomErasing', options, ['p', 'scale', 'r1', 'mean']);
    super(options.p ?? 0.5);
    this.scale = checkScale(options.scale ?? [0.02, 0.4]);
    this.r1 = checkNumber('ReIDRandomErasing', 'r1', options.r1 ?? 0.3);
    if (!(this.r1 > 0 && this.r1 <= 1)) {
      throw new RangeError(`Expected an r1 above 0 and up to 1 for ReIDRandomErasing, got ${this.r1}`);
    }
    this.mean = checkMean(options.mean ?? IMAGENET_MEAN);
  }

  protected override drawParams(image: Tensor): Window | undefined {
    const [height, width] = imageSize(image, 'ReIDRandomErasing');
    for (let attempt = 0; attempt < 100; attempt++) {
      const area = height * width * uniform(...this.scale);
      const aspect = uniform(this.r1, 1 / this.r1);
      const h = roundHalfEven(Math.sqrt(area * aspect));
      const w = roundHalfEven(Math.sqrt(area / aspect));
      if (h >= height || w >= width) continue;
      const i = randomInteger(0, height - h + 1);
      return [i, randomInteger(0, width - w + 1), h, w];
    }
    return undefined; // no window fits: the image stays
  }

  protected change(image: Tensor, window: Window | undefined): Tensor {
    if (window === undefined) return image;
    const channels = image.shape.at(-3) ?? 1;
    const mean = channels === this.mean.length ? this.mean : this.mean.slice(0, 1);
    return erase(
      image,
      ...window,
      tensor([...mean], { dtype: image.dtype, device: image.device }).view([-1, 1, 1]),
    );
  }
}

function checkScale(scale: unknown): readonly [number, number] {
  const [low, high] = Array.isArray(scale) ? scale : [];
  if (Array.isArray(scale) && scale.length === 2 && low >= 0 && low <= high && high <= 1) {
    return [low, high];
  }
  throw new RangeError(
    `Expected 0 <= low <= high <= 1 for ReIDRandomErasing scale, got ${Array.isArray(scale) ? `[${scale}]` : describeValue(scale)}`,
  );
}

function checkMean(mean: unknown): readonly number[] {
  if (Array.isArray(mean) && mean.length > 0 && mean.every((value) => Number.isFinite(value))) return mean;
  throw new TypeError(`Expected an array of numbers for ReIDRandomErasing mean, got ${describeValue(mean)}`);
}
