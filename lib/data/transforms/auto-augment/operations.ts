import type { Tensor } from '../../../tensor/index.ts';
import { affine, rotate } from '../functional/affine.ts';
import { adjustSharpness } from '../functional/blur.ts';
import {
  adjustBrightness,
  adjustContrast,
  adjustSaturation,
  invert,
  posterize,
  solarize,
} from '../functional/colour.ts';
import type { GridInterpolation } from '../functional/grid.ts';
import { autocontrast, equalize } from '../functional/histogram.ts';
import { maxValue } from '../functional/image.ts';
import type { Fill } from '../functional/pad.ts';

/** How operations that move pixels find them. */
export interface Moves {
  readonly interpolation: GridInterpolation;
  readonly fill: Fill;
}

type Operation = (image: Tensor, magnitude: number, moves: Moves) => Tensor;

const degreesOf = (slope: number) => Math.atan(slope) * (180 / Math.PI);
const cornered = (moves: Moves) => ({ ...moves, center: [0, 0] as const });

/** What the automatic policies apply, by torchvision's names (0.28). */
const OPERATIONS = {
  Identity: (image) => image,
  ShearX: (image, magnitude, moves) =>
    affine(image, 0, [0, 0], 1, [degreesOf(magnitude), 0], cornered(moves)),
  ShearY: (image, magnitude, moves) =>
    affine(image, 0, [0, 0], 1, [0, degreesOf(magnitude)], cornered(moves)),
  TranslateX: (image, magnitude, moves) => affine(image, 0, [Math.trunc(magnitude), 0], 1, [0, 0], moves),
  TranslateY: (image, magnitude, moves) => affine(image, 0, [0, Math.trunc(magnitude)], 1, [0, 0], moves),
  Rotate: (image, magnitude, moves) => rotate(image, magnitude, moves),
  Brightness: (image, magnitude) => adjustBrightness(image, 1 + magnitude),
  Color: (image, magnitude) => adjustSaturation(image, 1 + magnitude),
  Contrast: (image, magnitude) => adjustContrast(image, 1 + magnitude),
  Sharpness: (image, magnitude) => adjustSharpness(image, 1 + magnitude),
  Posterize: (image, magnitude) => posterize(image, Math.trunc(magnitude)),
  Solarize: (image, magnitude) => solarize(image, maxValue(image.dtype) * magnitude),
  AutoContrast: (image) => autocontrast(image),
  Equalize: (image) => equalize(image),
  Invert: (image) => invert(image),
} satisfies Record<string, Operation>;

/** The name of an operation. */
export type OperationName = keyof typeof OPERATIONS;

/** Applies an operation; `magnitude` is 0 for those that have none. */
export function operate(image: Tensor, name: OperationName, magnitude: number, moves: Moves): Tensor {
  return (OPERATIONS[name] as Operation)(image, magnitude, moves);
}
