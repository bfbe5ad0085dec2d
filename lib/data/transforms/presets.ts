import { checkOptions, checkPositions } from '../../options.ts';
import { Compose } from './containers.ts';
import { Normalize, ToTensor } from './convert.ts';
import { CenterCrop } from './crop.ts';
import { RandomHorizontalFlip } from './flip.ts';
import { Resize } from './resize.ts';
import { RandomResizedCrop } from './resized-crop.ts';

/** Channel means of ImageNet's training images, RGB in [0, 1]. */
export const IMAGENET_MEAN: readonly number[] = [0.485, 0.456, 0.406];
/** Channel standard deviations of ImageNet's training images, RGB in [0, 1]. */
export const IMAGENET_STD: readonly number[] = [0.229, 0.224, 0.225];

/**
 * What the published models expect of a `uint8` RGB image at evaluation: shorter side to `resize` (default 256),
 * middle `crop` (default 224), [0, 1], ImageNet's mean and deviation.
 *
 * @example
 * const x = transforms.imagenetEval().forward(await decodeImage('photo.jpg')).unsqueeze(0); // (1, 3, 224, 224)
 */
export function imagenetEval(options: { resize?: number; crop?: number } = {}): Compose {
  checkPositions('imagenetEval', arguments, 1);
  checkOptions('imagenetEval', options, ['resize', 'crop']);
  const { resize = 256, crop = 224 } = options;
  return new Compose([
    new Resize(resize),
    new CenterCrop(crop),
    new ToTensor(),
    new Normalize(IMAGENET_MEAN, IMAGENET_STD),
  ]);
}

/** What the published models were trained on: random resized crop to `crop` (default 224), flip, normalise. */
export function imagenetTrain(options: { crop?: number } = {}): Compose {
  checkPositions('imagenetTrain', arguments, 1);
  checkOptions('imagenetTrain', options, ['crop']);
  return new Compose([
    new RandomResizedCrop(options.crop ?? 224),
    new RandomHorizontalFlip(),
    new ToTensor(),
    new Normalize(IMAGENET_MEAN, IMAGENET_STD),
  ]);
}
