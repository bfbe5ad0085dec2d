import { uniform } from '../../data/transforms/draw.ts';
import { imageSize } from '../../data/transforms/functional/image.ts';
import { resize } from '../../data/transforms/functional/resize.ts';
import {
  ColorJitter,
  Compose,
  GaussianBlur,
  IMAGENET_MEAN,
  IMAGENET_STD,
  ImageTransform,
  Normalize,
  RandomApply,
  RandomCrop,
  RandomHorizontalFlip,
  ToDtype,
} from '../../data/transforms/index.ts';
import {
  checkCount,
  checkFlags,
  checkNumber,
  checkOptions,
  checkPositions,
  describeValue,
} from '../../options.ts';
import type { Tensor } from '../../tensor/index.ts';
import { IGNORED } from './classes.ts';

/** Resizes by a factor that is drawn; masks take the nearest label. */
export class RandomScale extends ImageTransform<[height: number, width: number]> {
  readonly scale: readonly [number, number];

  /** @param scale bounds of the factor */
  constructor(scale: readonly [number, number] = [0.5, 2]) {
    checkPositions('RandomScale', arguments, 1);
    super();
    this.scale = checkScale('RandomScale', scale);
  }

  override makeParams(image: Tensor): [height: number, width: number] {
    const factor = uniform(...this.scale);
    const [height, width] = imageSize(image, 'RandomScale').map((side) =>
      Math.max(1, Math.trunc(side * factor)),
    );
    return [height as number, width as number];
  }

  transform(image: Tensor, size: [number, number]): Tensor {
    return resize(image, size, { interpolation: 'bilinear', antialias: true });
  }

  override transformMask(mask: Tensor, size: [number, number]): Tensor {
    return resize(mask, size, { interpolation: 'nearest' });
  }
}

function checkScale(owner: string, scale: unknown): readonly [number, number] {
  const isPair = Array.isArray(scale) && scale.length === 2;
  if (!isPair) throw new TypeError(`Expected two numbers for ${owner} scale, got ${describeValue(scale)}`);
  const [low, high] = scale as [unknown, unknown];
  checkNumber(owner, 'scale', low);
  checkNumber(owner, 'scale', high);
  if ((low as number) > 0 && (low as number) <= (high as number)) return [low as number, high as number];
  throw new RangeError(`Expected two rising numbers above 0 for ${owner} scale, got ${low} and ${high}`);
}

/** Options of {@link trainTransform}. */
export interface TrainTransformOptions {
  /** Height and width of the crops, or one number for both. Default 768, RobustNet's. */
  crop?: number | readonly [height: number, width: number];
  /** Bounds of the factor that images are scaled by. Default [0.5, 2]. */
  scale?: readonly [number, number];
  /** Probability of a mirror image. Default 0.5. */
  flip?: number;
  /** Probability of other brightness, contrast, saturation (0.6 to 1.4) and hue (-0.1 to 0.1). Default 0.5. */
  jitter?: number;
  /** Blur by a Gaussian of deviation 0.15 to 1.3, as RobustNet does. Default false. */
  blur?: boolean;
}

/**
 * RobustNet's preparation of images and masks for training: random scale, a crop (smaller images are padded, black and
 * without class), mirror image, colours, blur; [0, 1] with ImageNet's mean and deviation taken off.
 *
 * @example
 * const transform = segment.trainTransform({ crop: [512, 1024], jitter: 0 });
 */
export function trainTransform(options: TrainTransformOptions = {}): Compose {
  checkPositions('trainTransform', arguments, 1);
  checkOptions('trainTransform', options, ['crop', 'scale', 'flip', 'jitter', 'blur']);
  const { crop = 768, scale = [0.5, 2], flip = 0.5, jitter = 0.5, blur = false } = options;
  const [height, width] = typeof crop === 'number' ? [crop, crop] : crop;
  checkCount('trainTransform', 'crop', height);
  checkCount('trainTransform', 'crop', width);
  checkFlags('trainTransform', { blur });
  checkScale('trainTransform', scale);
  const colours = new ColorJitter({ brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 });
  return new Compose([
    ...(scale[0] === 1 && scale[1] === 1 ? [] : [new RandomScale(scale)]),
    new RandomCrop([height, width], { padIfNeeded: true, fill: { image: 0, mask: IGNORED } }),
    new RandomHorizontalFlip(flip),
    ...(jitter === 0 ? [] : [new RandomApply([colours], { p: jitter })]),
    ...(blur ? [new GaussianBlur(11, { sigma: [0.15, 1.3] })] : []),
    ...evalSteps(),
  ]);
}

/** [0, 1] with ImageNet's mean and deviation taken off; masks as they are. */
export function evalTransform(): Compose {
  checkPositions('evalTransform', arguments, 0);
  return new Compose(evalSteps());
}

function evalSteps() {
  return [
    new ToDtype({ image: 'float32', mask: 'int64' }, { scale: true }),
    new Normalize(IMAGENET_MEAN, IMAGENET_STD),
  ];
}
