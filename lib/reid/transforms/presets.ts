import {
  Compose,
  IMAGENET_MEAN,
  IMAGENET_STD,
  Normalize,
  Pad,
  RandomCrop,
  RandomErasing,
  RandomHorizontalFlip,
  Resize,
  ToDtype,
  ToTensor,
} from '../../data/transforms/index.ts';
import { checkOptions, checkPositions } from '../../options.ts';
import { checkCount } from '../models/checks.ts';
import { ReIDRandomErasing } from './erasing.ts';

/** Options of the training transforms. */
export interface ReIDTrainOptions {
  /** Height and width. Default [256, 128]. */
  size?: readonly [height: number, width: number];
  /** Probability of a mirror image. Default 0.5. */
  flip?: number;
  /** Black pixels around the image before the crop. Default 10. */
  padding?: number;
  /** Probability of random erasing. Default 0.5. */
  erasing?: number;
}

const OPTIONS = ['size', 'flip', 'padding', 'erasing'];

function settings(owner: string, options: ReIDTrainOptions): Required<ReIDTrainOptions> {
  checkOptions(owner, options, OPTIONS);
  const { size = [256, 128], flip = 0.5, padding = 10, erasing = 0.5 } = options;
  for (const [i, name] of ['height', 'width'].entries()) checkCount(owner, name, size[i]);
  return {
    size: [...size] as [number, number],
    flip,
    padding: checkCount(owner, 'padding', padding, 0),
    erasing,
  };
}

/**
 * What reid-strong-baseline trains on: resized, mirrored, padded and cropped, normalised, then erased.
 *
 * @example
 * const transform = reid.strongBaselineTrain({ size: [256, 128] });
 */
export function strongBaselineTrain(options: ReIDTrainOptions = {}): Compose {
  checkPositions('strongBaselineTrain', arguments, 1);
  const { size, flip, padding, erasing } = settings('strongBaselineTrain', options);
  return new Compose([
    new Resize([...size]),
    new RandomHorizontalFlip(flip),
    new Pad(padding),
    new RandomCrop([...size]),
    new ToTensor(),
    new Normalize(IMAGENET_MEAN, IMAGENET_STD),
    new ReIDRandomErasing({ p: erasing }),
  ]);
}

/** What fast-reid's bag of tricks trains on: bicubic, padded and cropped, mirrored, pixels from 0 to 255, then erased. */
export function fastReIDTrain(options: ReIDTrainOptions = {}): Compose {
  checkPositions('fastReIDTrain', arguments, 1);
  const { size, flip, padding, erasing } = settings('fastReIDTrain', options);
  return new Compose([
    new Resize([...size], { interpolation: 'bicubic' }),
    new Pad(padding),
    new RandomCrop([...size]),
    new RandomHorizontalFlip(flip),
    new ToDtype('float32'),
    new RandomErasing({ p: erasing, value: IMAGENET_MEAN.map((value) => value * 255) }),
  ]);
}
