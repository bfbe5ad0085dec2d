import { checkOptions, checkPositions, describeValue } from '../../options.ts';
import { empty, scope, type Tensor, tensor } from '../../tensor/index.ts';
import { sampleGenerator } from '../sample-generator.ts';
import { positives } from './bounds.ts';
import { RandomApplied, randomInteger, randomRatio, uniform } from './draw.ts';
import { erase } from './functional/blur.ts';
import { channelsOf, listOf, repr } from './functional/image.ts';
import { imageSize, roundHalfEven } from './transform.ts';

/** Options of {@link RandomErasing}. */
export interface RandomErasingOptions {
  /** Probability. Default 0.5. */
  p?: number;
  /** Bounds of the window's share of the area. Default [0.02, 0.33]. */
  scale?: readonly [number, number];
  /** Bounds of height / width. Default [0.3, 3.3]. */
  ratio?: readonly [number, number];
  /** What the window is filled with: a number, one for each channel, or `'random'` for normal noise. Default 0. */
  value?: number | readonly number[] | 'random';
}

interface Window {
  readonly place: readonly [i: number, j: number, h: number, w: number];
  readonly value: Tensor;
}

/**
 * Fills a random window of (..., C, H, W). Masks stay. As torchvision's (0.28), with its draws.
 *
 * @example
 * new transforms.RandomErasing({ p: 1, value: 'random' }).forward(rand([3, 224, 224]));
 */
export class RandomErasing extends RandomApplied<Window | undefined> {
  readonly scale: readonly [number, number];
  readonly ratio: readonly [number, number];
  readonly value: number | readonly number[] | 'random';

  constructor(options: RandomErasingOptions = {}) {
    checkPositions('RandomErasing', arguments, 1);
    checkOptions('RandomErasing', options, ['p', 'scale', 'ratio', 'value']);
    super(options.p ?? 0.5);
    this.scale = shares(options.scale ?? [0.02, 0.33]);
    this.ratio = positives(options.ratio ?? [0.3, 3.3], 'RandomErasing ratio');
    this.value = options.value ?? 0;
    checkValue(this.value);
  }

  protected override drawParams(image: Tensor): Window | undefined {
    const [height, width] = imageSize(image, 'RandomErasing');
    const channels = channelsOf(image, 'RandomErasing');
    this.checkChannels(channels);
    for (let attempt = 0; attempt < 10; attempt++) {
      const area = height * width * uniform(...this.scale);
      const aspect = randomRatio(this.ratio);
      const h = roundHalfEven(Math.sqrt(area * aspect));
      const w = roundHalfEven(Math.sqrt(area / aspect));
      if (h >= height || w >= width) continue;
      const value = this.fillOf(channels, h, w);
      const i = randomInteger(0, height - h + 1);
      return { place: [i, randomInteger(0, width - w + 1), h, w], value };
    }
    return undefined; // no window fits: the image stays
  }

  private fillOf(channels: number, h: number, w: number): Tensor {
    const { value } = this;
    if (value === 'random') return empty([channels, h, w]).normal_(0, 1, { generator: sampleGenerator() });
    return scope(() =>
      tensor(typeof value === 'number' ? [value] : [...value], { dtype: 'float32' }).view([-1, 1, 1]),
    );
  }

  private checkChannels(channels: number): void {
    const { value } = this;
    if (typeof value !== 'object' || value.length === 1 || value.length === channels) return;
    throw new RangeError(
      `Expected 1 or ${channels} numbers for RandomErasing value, got ${repr([...value])}`,
    );
  }

  protected change(image: Tensor, window: Window | undefined): Tensor {
    return window === undefined ? image : erase(image, ...window.place, window.value);
  }
}

function shares(scale: readonly [number, number]): readonly [number, number] {
  const [low = Number.NaN, high = Number.NaN] = listOf(scale);
  if (low >= 0 && low <= high && high <= 1) return scale;
  throw new RangeError(`Expected 0 <= low <= high <= 1 for RandomErasing scale, got ${repr(scale)}`);
}

function checkValue(value: unknown): void {
  const isNumber = (item: unknown) => typeof item === 'number' && Number.isFinite(item);
  if (value === 'random' || isNumber(value)) return;
  if (Array.isArray(value) && value.length > 0 && value.every(isNumber)) return;
  throw new TypeError(
    `Expected a number, an array of numbers or "random" for RandomErasing value, got ${describeValue(value)}`,
  );
}
