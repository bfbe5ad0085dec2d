import type { Tensor } from '../../tensor/index.ts';
import { isOwnCode } from '../../tensor/own-code.ts';
import { CenterCrop, RandomCrop } from '../transforms/crop.ts';
import { RandomHorizontalFlip, RandomVerticalFlip } from '../transforms/flip.ts';
import { roundHalfEven } from '../transforms/functional/image.ts';
import type { Interpolation } from '../transforms/functional/resize.ts';
import { Resize } from '../transforms/resize.ts';
import { RandomResizedCrop } from '../transforms/resized-crop.ts';
import type { ImageTransform, Step } from '../transforms/transform.ts';

export type ImageSize = readonly [height: number, width: number];

/** What native/data/recipe.h numbers; each is followed by top, left, height and width. */
const CROP = 0;
const RESIZE: Partial<Record<Interpolation, number>> = { bilinear: 1, bicubic: 2 };
const FLIP_ACROSS = 3;
const FLIP_DOWN = 4;

/** What one call of a step does: its numbers for the native side, the size it leaves, and the same in operations. */
export interface Drawn {
  readonly numbers: readonly number[];
  readonly size: ImageSize;
  apply(image: Tensor): Tensor;
}

/** A step that native code does as its operations would; it draws what they would. */
export type PlannedStep = (size: ImageSize) => Drawn;

/** The step as native code does it, or undefined where it does not. Classes derived from these may differ in anything. */
export function plannedStep(step: Step): PlannedStep | undefined {
  if (!isOwnCode(step)) return undefined;
  switch (step.constructor) {
    case RandomResizedCrop:
      return resizedCrop(step as RandomResizedCrop);
    case Resize:
      return resize(step as Resize);
    case CenterCrop:
      return (size) => cropped(step as CenterCrop, undefined, middleOf(size, (step as CenterCrop).size));
    case RandomCrop:
      return randomCrop(step as RandomCrop);
    case RandomHorizontalFlip:
      return (size) => flipped(step as RandomHorizontalFlip, size, FLIP_ACROSS);
    case RandomVerticalFlip:
      return (size) => flipped(step as RandomVerticalFlip, size, FLIP_DOWN);
    default:
      return undefined;
  }
}

type Box = readonly [top: number, left: number, height: number, width: number];

function resizedCrop(step: RandomResizedCrop): PlannedStep | undefined {
  const kind = RESIZE[step.interpolation];
  if (kind === undefined || !step.antialias) return undefined;
  return (size) => {
    const box = step.box(size);
    const numbers = [CROP, ...box, kind, 0, 0, ...step.size];
    return { numbers, size: step.size, apply: (image) => step.transform(image, box) };
  };
}

function resize(step: Resize): PlannedStep | undefined {
  const kind = RESIZE[step.interpolation];
  if (kind === undefined || !step.antialias) return undefined;
  return (size) => {
    const target = step.outputSize(size);
    return { numbers: [kind, 0, 0, ...target], size: target, apply: (image) => step.transform(image) };
  };
}

/** `centerCrop` of transforms/functional/geometry.ts: a smaller image is padded on all sides first. */
function middleOf([height, width]: ImageSize, [cropHeight, cropWidth]: ImageSize): Box {
  const start = (length: number, crop: number) => {
    const missing = Math.max(0, crop - length);
    const padded = length + missing;
    return roundHalfEven((padded - crop) / 2) - (missing >> 1);
  };
  return [start(height, cropHeight), start(width, cropWidth), cropHeight, cropWidth];
}

/** With padding its operations do more than a crop. */
function randomCrop(step: RandomCrop): PlannedStep | undefined {
  if (step.padding !== undefined || step.padIfNeeded) return undefined;
  return (size) => {
    const params = step.paramsFor(size);
    return cropped(step, params, [params.top, params.left, ...step.size]);
  };
}

function cropped<Params>(step: ImageTransform<Params>, params: Params, box: Box): Drawn {
  const [, , height, width] = box;
  return {
    numbers: [CROP, ...box],
    size: [height, width],
    apply: (image) => step.transform(image, params),
  };
}

function flipped(step: RandomHorizontalFlip | RandomVerticalFlip, size: ImageSize, kind: number): Drawn {
  const params = step.makeParams(undefined as unknown as Tensor); // its draw knows no image
  const numbers = params === null ? [] : [kind, 0, 0, 0, 0];
  return { numbers, size, apply: (image) => step.transform(image, params) };
}
